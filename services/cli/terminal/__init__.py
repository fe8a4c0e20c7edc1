"""What people see: consoles, numbers, and small pictures made of block characters.

Every picture reads the same without colour: NO_COLOR, a pipe and a file lose nothing but beauty.
"""
