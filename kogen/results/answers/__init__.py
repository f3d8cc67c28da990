"""What was answered to each image: columns, metrics and the tables that are made of them."""
