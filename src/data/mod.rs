//! Data sets of the plane with exact sampling and exact density.
