"""The domain of approvals: pure."""
