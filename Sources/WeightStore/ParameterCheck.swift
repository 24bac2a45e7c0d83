/// A hyperparameter that makes no model.
package struct ParameterError: Error, Equatable, CustomStringConvertible {
    package var description: String
}

extension ModelParameters {
    /// Checks that the numbers make a model this program can run, within bounds that keep sizes in 64 bits.
    package func check() throws(ParameterError) {
        try Self.require("layers", layers, in: 1...1024)
        try Self.require("embedding length", embedding, in: 8...(1 << 20))
        try Self.require("feed-forward length", feedForward, in: 1...(1 << 22))
        try Self.require("vocabulary", vocabulary, in: 1...(1 << 24))
        try Self.require("context length", contextLength, in: 1...(1 << 28))
        try Self.require("heads", heads, in: 1...4096)
        try Self.require("key/value heads", keyValueHeads, in: 1...heads)
        guard heads % keyValueHeads == 0 else {
            throw ParameterError(
                description: "\(heads) heads cannot share \(keyValueHeads) key/value heads evenly")
        }
        try Self.require("head dimension", headDimension, in: 8...1024)
        guard headDimension % 8 == 0 else {
            throw ParameterError(description: "head dimension \(headDimension) is not a multiple of 8")
        }
        guard rmsEpsilon.isFinite, rmsEpsilon >= 0, rmsEpsilon < 1 else {
            throw ParameterError(description: "RMS epsilon \(rmsEpsilon) is not between 0 and 1")
        }
        if let unturnedEach { try Self.require("unturned layers, one of", unturnedEach, in: 1...1024) }
        try rope.check(headDimension: headDimension)
    }

    static func require(_ name: String, _ value: Int, in range: ClosedRange<Int>) throws(ParameterError) {
        guard range.contains(value) else {
            throw ParameterError(
                description: "\(name) \(value) is outside \(range.lowerBound) to \(range.upperBound)")
        }
    }
}

extension RotaryParameters {
    func check(headDimension: Int) throws(ParameterError) {
        try ModelParameters.require("rope dimension", dimension, in: 2...headDimension)
        guard dimension % 2 == 0 else {
            throw ParameterError(description: "rope dimension \(dimension) is not even")
        }
        try positive("rope base", base)
        switch scaling {
        case .none: break
        case .linear(let factor): try positive("rope scaling factor", factor)
        case .yarn(let factor, let original, let extrapolation, let attention, let fast, let slow):
            try positive("rope scaling factor", factor)
            try ModelParameters.require("rope scaling original context length", original, in: 1...(1 << 28))
            guard extrapolation.isFinite, extrapolation >= 0 else {
                throw ParameterError(description: "yarn extrapolation factor \(extrapolation) is below 0")
            }
            try positive("yarn attention factor", attention)
            try positive("yarn beta fast", fast)
            try positive("yarn beta slow", slow)
        }
    }

    private func positive(_ name: String, _ value: Float) throws(ParameterError) {
        guard value.isFinite, value > 0 else {
            throw ParameterError(description: "\(name) \(value) is not above 0")
        }
    }
}
