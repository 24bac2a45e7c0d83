import Testing

@testable import chessctl

/// Axes, figures and the places of labels.
@Suite struct ChartTests {
    @Test func linearAxisEndsOnRoundNumbers() {
        let axis = Axis.linear("", [0.09, 0.76], zero: true)
        #expect(axis.ticks.map(\.label) == ["0", "0.2", "0.4", "0.6", "0.8"])
        #expect(axis.fraction(0.4) == 0.5)
        #expect(axis.fraction(-1) == 0)
        #expect(axis.fraction(9) == 1)
        #expect(axis.fraction(.nan) == 0)
    }

    @Test(arguments: [[], [0], [5], [-3, -3], [1e15, 1e15], [1e-40, 1e-40]] as [[Double]])
    func axisOfOneValueHasAnExtent(values: [Double]) {
        for axis in [
            Axis.linear("", values), Axis.linear("", values, zero: true), Axis.magnitudes("", values),
        ] {
            #expect(axis.low < axis.high)
            #expect(axis.ticks.count >= 2)
        }
    }

    @Test func widelySpreadValuesGetALogarithmicAxis() {
        let axis = Axis.magnitudes("limit", [0.011, 0.3])
        #expect(axis.title == "limit, log scale")
        #expect(axis.ticks.map(\.label) == ["0.01", "0.02", "0.05", "0.1", "0.2", "0.5"])
        #expect(axis.fraction(0.01) == 0)
        #expect(abs(axis.fraction(0.1) - 0.5886) < 1e-4)  // log(10) / log(50)
        #expect(Axis.magnitudes("limit", [0.1, 0.3]).title == "limit")
    }

    @Test func zeroStandsAtTheBottomOfALogarithmicAxis() {
        let axis = Axis.magnitudes("", [0, 0.01, 10])
        #expect(axis.ticks[0] == Axis.Tick(value: 0, label: "0"))
        #expect(axis.fraction(0) == 0)
        #expect(axis.fraction(0.01) > 0.1)
    }

    @Test(arguments: [(1, ["0"]), (4, ["0", "1", "2", "3"]), (30, ["0", "5", "10", "15", "20", "25"])])
    func layersAreCountedInRoundSteps(count: Int, labels: [String]) {
        #expect(Axis.layers(count).ticks.map(\.label) == labels)
    }

    @Test(arguments: [
        (0, "0"), (0.0104, "0.0104"), (12.5, "12.5"), (1234.5, "1235"), (0.1, "0.1"), (-0.00001, "-1e-5"),
        (1e-9, "1e-9"), (3.4e38, "3.4e38"), (1e-45, "1e-45"),
    ])
    func figuresAreShort(value: Double, text: String) {
        #expect(Figure.significant(value) == text)
    }

    @Test func labelsOfNearbyMarksDoNotOverlap() {
        var placing = LabelPlacing(LineChart.plot)
        let marks = (0..<6).map { (x: 300.0 + Double($0 % 2), y: 120.0 + Double($0 % 3)) }
        for mark in marks { placing.avoid(mark) }
        let places = marks.map { placing.place("s-chess-50", at: $0) }
        for (index, one) in places.enumerated() {
            for other in places[..<index] {
                #expect(abs(one.x - other.x) >= 63 || abs(one.y - other.y) >= 13)
            }
        }
    }
}
