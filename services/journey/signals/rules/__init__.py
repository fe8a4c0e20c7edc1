"""When insight is asked, what is believed of its answers, and what they change. Pure."""
