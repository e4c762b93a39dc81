"""What was recorded, on its way to whoever follows: pages, services, webhooks."""
