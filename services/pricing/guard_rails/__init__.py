"""What an organisation allows its prices to do.

Settings are versioned: every change is audited, none overwrites what was. They bind suggestions; a
request by hand that is outside them is possible, and carries the rail and by how much as a risk.
All of it is whole minor units and exact fractions, so a price on the rail is allowed and the next
one is not.
"""
