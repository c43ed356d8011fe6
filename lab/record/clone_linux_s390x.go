package record

// cloneArg is which argument of clone(2) has the flags; the stack is the first one here, clone(2).
const cloneArg = 1
