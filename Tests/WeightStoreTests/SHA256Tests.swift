import Testing

@testable import WeightStore

@Suite struct SHA256Tests {
    /// Published vectors: FIPS 180-2, appendix B, and the empty message.
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
    ])
    func agreesWithPublishedVectors(message: String, digest: String) {
        var hash = SHA256()
        hash.update(Array(message.utf8))
        #expect(SHA256.hexadecimal(hash.digest()) == digest)
    }

    /// The million times `a` of the same appendix, in pieces that straddle the blocks.
    @Test(arguments: [1000, 63, 65]) func piecesMakeNoDifference(piece: Int) {
        var hash = SHA256()
        var left = 1_000_000
        while left > 0 {
            hash.update([UInt8](repeating: UInt8(ascii: "a"), count: min(piece, left)))
            left -= min(piece, left)
        }
        #expect(
            SHA256.hexadecimal(hash.digest())
                == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }
}
