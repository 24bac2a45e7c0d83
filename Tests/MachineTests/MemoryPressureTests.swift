import Testing

@testable import Machine

@Suite struct MemoryPressureTests {
    @Test(arguments: [
        ("some avg10=0.00 avg60=1.25 avg300=0.00 total=47377968", UInt64(47_377_968)),
        ("full avg10=0.00 avg60=0.00 avg300=0.00 total=24091637", nil), ("some", nil), ("", nil),
        ("some avg10=0.00 total=many", nil), ("some avg10=0.00 total=-1", nil),
    ])
    func totalsAreRead(line: String, total: UInt64?) {
        #expect(MemoryPressure.total(ofLine: line) == total)
    }

    /// Where the kernel keeps the account, later readings are no less.
    @Test func readingsGrow() {
        guard let pressure = MemoryPressure(), let first = pressure.reading, let second = pressure.reading
        else { return }
        #expect(second.stalledMicroseconds >= first.stalledMicroseconds)
        #expect(second.nanoseconds >= first.nanoseconds)
    }

    /// Whole pages of the range are zero again, the rest of the buffer stays.
    @Test func pagesAreGivenBack() {
        let count = 4 << 20
        let buffer = SharedBuffer<UInt8>(count: count, largePages: true)
        for index in stride(from: 0, to: count, by: 512) { buffer[index] = 7 }
        buffer.giveBack((1 << 20) + 1..<(3 << 20) + 100)
        let given = (1 << 20) + 4096..<3 << 20
        for index in stride(from: 0, to: count, by: 512) {
            let isRight = buffer[index] == (given.contains(index) ? 0 : 7)
            if !isRight { Issue.record("\(buffer[index]) at \(index)") }
        }
        buffer.allowLargePages(0..<count)
        buffer[2 << 20] = 9
        #expect(buffer[2 << 20] == 9 && buffer[0] == 7)
    }

    /// Small buffers come from the heap, where pages are shared with others.
    @Test func smallBuffersKeepTheirBytes() {
        let buffer = SharedBuffer<UInt8>([UInt8](repeating: 7, count: 65536))
        buffer.giveBack(0..<65536)
        #expect(buffer.elements(0..<65536) == [UInt8](repeating: 7, count: 65536))
    }
}
