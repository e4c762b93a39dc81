"""The servers under everything, embedded or yours."""
