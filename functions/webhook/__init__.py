"""Webhooks: deliveries from outside become events, once their signature and shape are right."""
