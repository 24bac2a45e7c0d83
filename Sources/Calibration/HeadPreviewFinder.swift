package import Decoder
internal import Kernels
internal import Machine
internal import Tensors
package import WeightStore

/// Finds by what a model's head can be foretold: the directions of hidden states along which logits differ most.
///
/// W is the head, m and C are mean and covariance of hidden states on a text, and G = WᵀW. The columns of Z span the
/// leading invariant subspace of C G, with ZᵀGZ = 1: then `W(x - m) ≈ (W Z)(ZᵀG)(x - m)`, and no other matrix of that
/// rank is closer in the mean square of all logits. The singular vectors of W alone, as in SVD-softmax, are no use: of
/// Qwen2.5-Coder's logits their first 256 hold 41 %, these 97 %.
package struct HeadPreviewFinder {
    private let decoder: Decoder
    private let windows: [[Int32]]
    private let pool: WorkerPool
    private var tokenCount: Int { windows.reduce(0) { $0 + $1.count } }
    private var kernels: KernelSet { decoder.kernels }
    private var width: Int { decoder.parameters.embedding }
    private var rank: Int { decoder.parameters.previewRank }
    private var vocabulary: Int { decoder.parameters.vocabulary }

    /// Whether a preview of the model's head would save anything.
    package static func isWorthwhile(_ model: ModelParameters) -> Bool {
        4 * model.previewRank <= model.embedding
    }

    /// - Parameter windows: of a text, each no longer than the decoder's context.
    package init(_ decoder: Decoder, windows: [[Int32]]) {
        self.decoder = decoder
        self.windows = windows
        pool = WorkerPool(threadCount: decoder.threadCount)
    }

    /// Rows of the head that stand for all of them in G.
    private static let sampledRows = 8192
    /// Rows that are added to a product at a time, so that they stay in a core's cache.
    private static let rowsAtATime = 64
    /// Steps of the subspace iteration; what it finds after four and after twenty foretells equally well.
    private static let steps = 6

    /// The tensors of a preview.
    ///
    /// - Parameter progress: told steps done and in all, on the calling thread.
    /// - Cost: one dense pass over the text, about `60 · rank · width²` multiplications, and one pass over the head.
    package func tensors(progress: (Int, Int) -> Void = { _, _ in }) -> [NewTensor] {
        let groups = (rank + 31) / 32
        let total = tokenCount + Self.sampledRows + 2048 * (Self.steps + groups)
        var done = 0
        func advance(_ count: Int) {
            done += count
            progress(done, total)
        }
        let hidden = hiddenStates(advance)
        let mean = centre(hidden)
        let covariance = Matrix(width, width)
        addProducts(of: hidden, into: covariance)
        let products = Matrix(width, width)
        addSampledRows(into: products, advance)
        let (directions, basis) = subspace(covariance, products, advance)
        let reducedMean = (0..<rank).map { Float(kernels.inner(basis[$0], mean)) }
        var writer = PreviewWeights(outputs: vocabulary, rank: rank)
        writer.addBase(headProducts([mean])[0])
        for group in 0..<groups {
            let columns = 32 * group..<min(32 * (group + 1), rank)
            let products = headProducts(columns.map { directions[$0] })
            writer.add(products, group: group, reducedMean: reducedMean)
            advance(2048)
        }
        return [
            NewTensor(
                name: HeadPreviewName.basis,
                layout: .rows(form: .q8_0, rows: rank, columns: width), bytes: encodeBasis(basis)),
            NewTensor(
                name: HeadPreviewName.weights,
                layout: .channels(form: .q4_0, outputs: vocabulary, channels: rank), bytes: writer.bytes,
                planes: writer.planes),
            NewTensor(
                name: HeadPreviewName.base, layout: .vector(count: vocabulary), bytes: writer.baseBytes),
        ]
    }

    /// `[tokens, width]`, what the head sees of the text.
    private func hiddenStates(_ advance: (Int) -> Void) -> Matrix {
        let hidden = Matrix(tokenCount, width)
        var first = 0
        for window in windows {
            let residuals = Residuals(decoder.parameters, count: window.count)
            _ = decoder.evaluate(.tokens(window), at: 0, output: residuals)
            for row in 0..<window.count {
                decoder.normalise(residuals, row: row, into: hidden[first + row])
            }
            first += window.count
            advance(window.count)
        }
        return hidden
    }

    /// Takes the mean off every row, and returns it.
    private func centre(_ hidden: Matrix) -> FloatSlice {
        let mean = Matrix(1, width)[0]
        let share = FloatSlice(SharedBuffer([Float](repeating: 1 / Float(hidden.count), count: hidden.count)))
        kernels.combine(into: mean, share, hidden.rows(0..<hidden.count))
        for row in 0..<hidden.count { kernels.subtract(mean, from: hidden[row], into: hidden[row]) }
        return mean
    }

    /// `sums += xᵀ x`.
    private func addProducts(of x: Matrix, into sums: Matrix) {
        for first in stride(from: 0, to: x.count, by: Self.rowsAtATime) {
            let rows = x.rows(first..<min(first + Self.rowsAtATime, x.count))
            pool.run { worker in
                for column in worker.share(of: width) {
                    kernels.combine(into: sums[column], x.column(column, from: first), stride: x.stride, rows)
                }
            }
        }
    }

    /// Adds `WᵀW` of some rows of the head, spread over all.
    private func addSampledRows(into sums: Matrix, _ advance: (Int) -> Void) {
        let count = min(Self.sampledRows, vocabulary)
        let part = Matrix(Self.rowsAtATime, width)
        for first in stride(from: 0, to: count, by: Self.rowsAtATime) {
            let rows = first..<min(first + Self.rowsAtATime, count)
            for row in 0..<part.count { part[row].clear() }
            for row in rows {
                kernels.decodeRow(
                    row * vocabulary / count, of: decoder.weights.output, into: part[row - first])
            }
            addProducts(of: part, into: sums)
            advance(rows.count)
        }
    }

    /// `Z` and `Z G` as rows: the leading invariant subspace of `covariance · products`, by subspace iteration.
    private func subspace(
        _ covariance: Matrix, _ products: Matrix, _ advance: (Int) -> Void
    ) -> (directions: Matrix, basis: Matrix) {
        var directions = Matrix(rank, width)
        // Any start will do that is not orthogonal to what is looked for.
        for row in 0..<rank { directions.buffer[row * directions.stride + row * width / rank] = 1 }
        var basis = multiply(directions, products)
        for _ in 0..<Self.steps {
            directions = multiply(basis, covariance)
            basis = multiply(directions, products)
            orthonormalise(directions, basis)
            advance(2048)
        }
        return (directions, basis)
    }

    /// `x · square`.
    private func multiply(_ x: Matrix, _ square: Matrix) -> Matrix {
        let out = Matrix(x.count, width)
        pool.run { worker in
            for row in worker.share(of: x.count) {
                kernels.combine(into: out[row], x[row], square.rows(0..<width))
            }
        }
        return out
    }

    /// Gram and Schmidt on the rows of `z` with `z G` beside them, such that `z G zᵀ = 1`. Rows that depend on others
    /// become zero.
    private func orthonormalise(_ z: Matrix, _ product: Matrix) {
        let factor = FloatSlice(SharedBuffer<Float>(count: 1))
        func add(_ value: Double, _ source: Int, _ row: Int) {
            factor.buffer[0] = Float(value)
            kernels.combine(into: z[row], factor, z.rows(source..<source + 1))
            kernels.combine(into: product[row], factor, product.rows(source..<source + 1))
        }
        for row in 0..<z.count {
            let before = kernels.inner(z[row], product[row])
            for earlier in 0..<row { add(-kernels.inner(z[row], product[earlier]), earlier, row) }
            let square = kernels.inner(z[row], product[row])
            guard square > before * 1e-10, square.isFinite else {
                z[row].clear()
                product[row].clear()
                continue
            }
            for matrix in [z, product] {
                for index in row * matrix.stride..<row * matrix.stride + width {
                    matrix.buffer[index] *= Float(1 / square.squareRoot())
                }
            }
        }
    }

    /// `W v` for up to 32 vectors.
    private func headProducts(_ vectors: [FloatSlice]) -> Matrix {
        let products = Matrix(vectors.count, vocabulary)
        for first in stride(from: 0, to: vectors.count, by: decoder.headBatch) {
            let own = first..<min(first + decoder.headBatch, vectors.count)
            decoder.headProducts(Array(vectors[own]), into: products.rows(own))
        }
        return products
    }

    /// Bytes in groups of 32 with a scale, as `q8_0` lies.
    private func encodeBasis(_ basis: Matrix) -> [UInt8] {
        let form = WeightForm.q8_0
        let stride = form.rowStride(columns: width)
        var bytes = [UInt8](repeating: 0, count: rank * stride)
        for row in 0..<rank {
            let values = basis.buffer.elements(row * basis.stride..<row * basis.stride + width)
            for group in 0..<(width + 31) / 32 {
                let own = values[32 * group..<min(32 * (group + 1), width)]
                let largest = own.reduce(0) { max($0, abs($1)) }
                let scale = Float16(largest / 127)
                for (index, value) in zip(own.indices, own) {
                    let ratio = value / Float(scale)
                    let code = ratio.isFinite ? ratio.rounded() : 0
                    bytes[row * stride + index] = UInt8(bitPattern: Int8(max(-127, min(code, 127))))
                }
                bytes.write(scale, at: row * stride + form.packedBytes(width) + 2 * group)
            }
        }
        return bytes
    }
}

/// The weights of a preview as `q4_0` lies by channel, and its base, written group of channels by group.
private struct PreviewWeights {
    private let form = WeightForm.q4_0
    private let stride: Int
    private let planeStride: Int
    private(set) var bytes: [UInt8]
    private(set) var planes: [UInt8]
    private var base: [Float]

    init(outputs: Int, rank: Int) {
        stride = form.channelStride(outputs: outputs)
        planeStride = form.groupPlaneBytes(outputs: outputs)
        bytes = [UInt8](repeating: 0, count: rank * stride)
        planes = [UInt8](repeating: 0, count: form.planeBytes(channels: rank, outputs: outputs))
        base = [Float](repeating: 0, count: outputs)
    }

    var baseBytes: [UInt8] { base.littleEndianBytes }

    mutating func addBase(_ values: FloatSlice) {
        values.buffer.withSpan(values.start..<values.start + values.count) { values in
            for output in base.indices { base[output] += values[output] }
        }
    }

    /// Writes the channels `32 · group...`.
    ///
    /// - Parameters:
    ///   - channels: `[channels, outputs]`.
    ///   - reducedMean: `[rank]`; what the weights make of it is taken off the base, as they have been rounded.
    mutating func add(_ channels: Matrix, group: Int, reducedMean: [Float]) {
        var values = [Float](repeating: 0, count: channels.count)
        channels.buffer.withSpan(0..<channels.buffer.count) { all in
            for output in base.indices {
                // The value of the largest magnitude gets code 0: there is one code more on its side.
                var extreme: Float = 0
                for channel in values.indices {
                    values[channel] = all[channel * channels.stride + output]
                    if abs(values[channel]) > abs(extreme) { extreme = values[channel] }
                }
                let scale = Float16(extreme / -8)
                let place = output / 64 * 32 + output % 32
                let shift = UInt8(output % 64 / 32 * 4)
                for channel in values.indices {
                    // Not finite where all are zero, or where the head has infinities.
                    let ratio = values[channel] / Float(scale)
                    let code = ratio.isFinite ? max(0, min((ratio + 8).rounded(), 15)) : 8
                    bytes[(32 * group + channel) * stride + place] |= UInt8(code) << shift
                    base[output] -= Float(scale) * (code - 8) * reducedMean[32 * group + channel]
                }
                planes.write(scale, at: group * planeStride + 2 * output)
            }
        }
    }
}

/// `[count, width]` floats, rows padded to whole units.
private struct Matrix: Sendable {
    let buffer: SharedBuffer<Float>
    let count: Int
    let width: Int
    let stride: Int

    init(_ count: Int, _ width: Int) {
        self.count = count
        self.width = width
        stride = WeightForm.padded(width)
        buffer = SharedBuffer(count: count * stride)
    }

    subscript(row: Int) -> FloatSlice {
        FloatSlice(buffer, row * stride..<row * stride + width)
    }

    func rows(_ range: Range<Int>) -> FloatRows {
        FloatRows(
            FloatSlice(buffer, range.lowerBound * stride..<count * stride), count: range.count, length: width,
            stride: stride)
    }

    /// Column `index` from row `first` on: elements `stride` apart.
    func column(_ index: Int, from first: Int) -> FloatSlice {
        FloatSlice(buffer, first * stride + index..<buffer.count)
    }
}
