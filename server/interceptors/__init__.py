"""What every call goes through, one concern a file. `server.listener` has the order."""
