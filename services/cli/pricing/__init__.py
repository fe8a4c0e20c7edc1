"""`footfall pricing`, `footfall approvals` and `footfall audit`, with all that they draw."""
