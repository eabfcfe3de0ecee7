"""The service: a message's way from the SMTP door to its disposition. Read `gateway/pipeline.py` first."""
