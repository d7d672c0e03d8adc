"""Readers of Keras and Flax, whose kernels have the outputs last."""
