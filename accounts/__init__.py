"""Identity, tenancy, permission, credentials, the ledger, and shared HTTP manners."""
