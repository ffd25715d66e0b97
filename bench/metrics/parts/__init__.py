"""Parts that metrics share: predictors, information, sampling of rows. None of these is a metric by itself."""
