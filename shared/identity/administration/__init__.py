"""What operators do with organisations, their people and their credentials.

Done by the owner of the schema, for services may read these tables and no more. Every act stands in
the audit log of its organisation, in the same transaction.
"""
