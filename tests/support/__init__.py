"""Parts that tests share: real servers, builders of specifications, the fake model."""
