"""What a service tells about itself: log lines, numbers, traces.

None of them ever sees a request or a response, so personal data and secrets cannot get in by way of
a field that nobody thought of.
"""
