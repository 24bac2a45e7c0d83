import Tensors
import Testing

@Suite struct ShapeTests {
    @Test func sizesRunFromOuterToInner() throws {
        let shape = try #require(Shape([2, 3, 5]))
        #expect(shape.outerToInner == [2, 3, 5])
        #expect((shape[0], shape[2], shape.rank) == (2, 5, 3))
        #expect((shape.rows, shape.columns, shape.elementCount) == (6, 5, 30))
        #expect("\(shape)" == "[2, 3, 5]")
    }

    @Test func aVectorIsOneRow() throws {
        let shape = try #require(Shape([7]))
        #expect((shape.rows, shape.columns) == (1, 7))
    }

    @Test func trailingOnesCount() { #expect(Shape([7]) != Shape([7, 1])) }

    @Test(arguments: [[], [0], [4, -1], [1, 1, 1, 1, 1], [1 << 32, 1 << 31], [.max, .max]] as [[Int]])
    func othersAreRefused(sizes: [Int]) { #expect(Shape(sizes) == nil) }
}
