import Machine
import Support
import Testing

@Suite struct FileTests {
    @Test func aCommittedFileHoldsWhatWasWritten() throws {
        try withTemporaryDirectory { folder in
            let path = "\(folder)/a"
            var file = try AtomicFile(path: path)
            try file.append([0, 0, 3])
            try file.pad(to: 8)
            try file.append([9])
            try file.overwrite([1, 2], at: 0)
            try file.commit()
            let mapped = try MappedFile(path: path)
            #expect(mapped.bytes(0..<mapped.byteCount) == [1, 2, 3, 0, 0, 0, 0, 0, 9])
        }
    }

    @Test func aDroppedFileLeavesTheOldOne() throws {
        try withTemporaryDirectory { folder in
            let path = "\(folder)/a"
            var first = try AtomicFile(path: path)
            try first.append([7])
            try first.commit()
            do {
                var second = try AtomicFile(path: path)
                try second.append([8, 8])
            }
            let mapped = try MappedFile(path: path)
            #expect(mapped.bytes(0..<mapped.byteCount) == [7])
        }
    }

    @Test func missingFilesAndFoldersAreNamed() {
        #expect(throws: FileError(path: "/nowhere/model", action: "open", errno: 2)) {
            _ = try MappedFile(path: "/nowhere/model")
        }
        #expect(throws: FileError.self) { _ = try MappedFile(path: "/tmp") }
        let error = FileError(path: "/nowhere/model", action: "open", errno: 2)
        #expect("\(error)" == "/nowhere/model: cannot open: no such file or directory; check the name")
    }

    @Test func aCursorReadsLittleEndianAndStopsAtItsEnd() throws {
        try withTemporaryDirectory { folder in
            var file = try AtomicFile(path: "\(folder)/a")
            try file.append([1, 2, 0, 3, 0, 0, 0, 0, 0, 0x80, 0x3f, 5, 6])
            try file.commit()
            var cursor = ByteCursor(try MappedFile(path: "\(folder)/a"))
            #expect(try cursor.u8() == 1)
            #expect(try cursor.u16() == 2)
            #expect(try cursor.u32() == 3)
            #expect(try cursor.f32() == 1)
            #expect(throws: OutOfBounds(offset: 11, needed: 4, available: 2)) { try cursor.u32() }
            #expect(throws: OutOfBounds(offset: 11, needed: Int.max, available: 2)) {
                try cursor.bytes(UInt64.max)
            }
            #expect(try cursor.bytes(2) == [5, 6])
        }
    }

    /// "123456789" is the check value of every CRC catalogue; a long input takes the three-stream path.
    @Test func checksumsAreCRC32C() throws {
        try withTemporaryDirectory { folder in
            var file = try AtomicFile(path: "\(folder)/a")
            try file.append(Array("123456789".utf8))
            try file.append([UInt8](repeating: 0, count: 40_000))
            try file.commit()
            let mapped = try MappedFile(path: "\(folder)/a")
            #expect(mapped.checksum(0..<9) == 0xe306_9283)
            var bitwise: UInt32 = 0xffff_ffff
            for byte in mapped.bytes(0..<mapped.byteCount) {
                bitwise ^= UInt32(byte)
                for _ in 0..<8 { bitwise = (bitwise >> 1) ^ (bitwise & 1 == 1 ? 0x82f6_3b78 : 0) }
            }
            #expect(mapped.checksum(0..<mapped.byteCount) == ~bitwise)
        }
    }
}
