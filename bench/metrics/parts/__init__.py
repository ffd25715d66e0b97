"""What metrics are made of: predictors, information, draws of rows. None of these is a metric by itself."""
