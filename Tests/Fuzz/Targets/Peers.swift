// SPDX-License-Identifier: Apache-2.0
import MartletServer

extension FuzzTarget {
    static let peers: [FuzzTarget] =
        [frames] + [
            reencoding(.hello, "the greeting of a stranger", isCanonical: false),
            reencoding(.helloReply, "the answer to a greeting", isCanonical: false),
            reencoding(.forward, "a request that another server passes on", isCanonical: true),
            reencoding(.forwardReply, "the answer to one", isCanonical: false),
            reencoding(.credential, "whose request is passed on", isCanonical: true),
            reencoding(
                .peerRequest, "a request on a connection of its own", isCanonical: true),
            reencoding(.peerReply, "the answer to it", isCanonical: false),
            reencoding(.lookRequest, "a look that a leader wants", isCanonical: true),
            reencoding(.lookAnswer, "what such a look found", isCanonical: false),
            reencoding(.raftMessage, "what Raft says to Raft", isCanonical: false),
            reencoding(.snapshotOffer, "the announcement of a snapshot", isCanonical: false),
            reencoding(.memberInfo, "what a server says of itself", isCanonical: false),
            reencoding(.gossipMessage, "a stream between gossip ports", isCanonical: false),
            reencoding(.founding, "a proposal to found a cluster", isCanonical: false),
        ]

    /// Flags that nobody knows, and ids that are not there, are read and not written.
    private static func reencoding(
        _ subject: Reencoding, _ about: String, isCanonical: Bool
    ) -> FuzzTarget {
        reencoding(name(subject), about, isCanonical: isCanonical) { input in
            .of { try subject(input) }
        }
    }

    static func name(_ subject: Reencoding) -> String {
        subject.rawValue.map { $0.isUppercase ? "-\($0.lowercased())" : "\($0)" }.joined()
    }

    /// However a stream is cut on its way, it is the same frames, and they are a part of it. Most
    /// inputs are given right checksums.
    private static let frames = FuzzTarget(
        "frames", "the frames between servers, cut anywhere", bytesMax: 2048
    ) { input throws(Finding) in
        var random = FuzzRandom(seed: FNV.of(input))
        let most = 512
        let stream = random.next() & 7 == 0 ? input : Checksums.framed(input)
        let whole = Reencoding.frames([stream[...]], payloadBytesMax: most)
        let cut = Reencoding.frames(
            random.pieces(of: stream, atMost: 9), payloadBytesMax: most)
        try demand(whole.frames == cut.frames, "cut, they are other frames")
        try demand((whole.refusal == nil) == (cut.refusal == nil), "refused by how it is cut")
        try demand(stream.starts(with: whole.frames), "frames that nobody sent")
        let features = Features.text(whole.refusal ?? "")
        return features ^ Features.bits(size: whole.frames.count)
    }
}
