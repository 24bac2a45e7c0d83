internal import func Glibc.exp
internal import func Glibc.pow

/// `e` to the power of `x`.
func exponential(_ x: Double) -> Double { exp(x) }

/// `x` to the power of `exponent`.
func power(_ x: Double, _ exponent: Double) -> Double { pow(x, exponent) }
