"""The private work folder: reports as they came, frames as parquet, buckets and slices. No Dagster."""
