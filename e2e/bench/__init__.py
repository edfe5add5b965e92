"""Weir measured beside Apache Kafka and against the machine. See README.md."""
