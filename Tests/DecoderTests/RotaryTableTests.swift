import Testing
import WeightStore

@testable import Decoder

@Suite struct RotaryTableTests {
    private func table(_ scaling: RotaryParameters.Scaling, divisors: [Float] = []) -> RotaryTable {
        RotaryTable(
            RotaryParameters(dimension: 4, base: 10_000, style: .halves, scaling: scaling), divisors: divisors
        )
    }

    /// 10000^(-0/4) = 1 and 10000^(-2/4) = 0.01.
    @Test func plainFrequenciesArePowersOfTheBase() {
        #expect(table(.none).frequencies == [1, 0.01])
        #expect(table(.none).magnitude == 1)
    }

    @Test func linearScalingDividesPositions() {
        #expect(table(.linear(factor: 4)).frequencies == [0.25, 0.0025])
    }

    @Test func divisorsSlowFrequencies() {
        #expect(table(.none, divisors: [1, 8]).frequencies == [1, 0.00125])
    }

    /// With 4 dimensions and a context of 4096, beta fast 32 gives pair 4 ln(4096 / 64 pi) / 2 ln 10000 = 0.65,
    /// rounded down to 0; beta slow 1 gives 1.41, rounded up to 2: the ramp is 0 for pair 0, a half for pair 1.
    @Test func yarnKeepsFastPairsAndStretchesSlowOnes() {
        let yarn = table(
            .yarn(factor: 4, originalContext: 4096, extrapolation: 1, attention: 1, betaFast: 32, betaSlow: 1)
        )
        #expect(abs(yarn.frequencies[0] - 1) < 1e-6)
        #expect(abs(yarn.frequencies[1] - (0.5 * 0.01 + 0.5 * 0.0025)) < 1e-6)
        // 1 + 0.1 ln 4
        #expect(abs(yarn.magnitude - 1.138629) < 1e-5)
    }
}
