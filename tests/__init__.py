"""What proves that Atelier works; a test lies where its module lies."""
