// Tests of this target come here.
