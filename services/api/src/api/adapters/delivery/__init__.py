"""Webhooks and their deliveries, kept in Postgres; nothing is sent here."""
