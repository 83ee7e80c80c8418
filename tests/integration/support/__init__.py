"""What the integration tests share: processes, certificates, and reading what was delivered."""
