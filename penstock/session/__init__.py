"""What a user calls: sessions, fetches, feeds, staged runs."""
