"""What every test may count on. Rooms keep their own peers and writers in modules beside their tests."""
