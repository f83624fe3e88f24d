"""The log of every decision: write-ahead, tamper-evident, checked offline."""
