//! digit-pad
