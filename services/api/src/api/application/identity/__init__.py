"""Who somebody is: accounts, sessions, tokens, and who may have one."""
