// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes
import MartletState

// What a leader and the servers that lend it lanes say to each other, over the connections that followers
// have to it:
//
// | frame          | bytes | meaning                                                         |
// |----------------|-------|-----------------------------------------------------------------|
// | `lanesOffered` | 8, 2  | term; lanes of the sender, 0 for none                           |
// | `look`         | 8, 8  | term; number of the look                                        |
// |                | 8     | log index that must be applied before                           |
// |                | 16    | evaluation                                                      |
// |                | 16, 4 | token of the delivery; attempt within it                        |
// |                | 8     | what the leader's wall clock says                               |
// | `lookAnswer`   | 8, 16 | number; token                                                   |
// |                | 1, …  | whether there is a report; it (``LookReport``), 4 bytes of length before it |

/// A follower will look at evaluations for the leader.
struct LanesOffer: Equatable {
    var term: UInt64
    var lanes: Int

    func write(to writer: inout ByteWriter) {
        writer.write(term)
        writer.write(UInt16(clamping: lanes))
    }

    init(term: UInt64, lanes: Int) {
        self.term = term
        self.lanes = lanes
    }

    init(reading reader: inout ByteReader) throws(ByteError) {
        term = try reader.readUInt64()
        lanes = Int(try reader.readUInt16())
        guard lanes <= SchedulingOptions.workersMax else {
            throw ByteError(offset: 8, reason: "\(lanes) lanes of one server")
        }
        try reader.finish()
    }
}

/// The leader wants an evaluation looked at.
struct LookRequest: Equatable {
    var term: UInt64
    /// By which it is answered.
    var number: UInt64
    /// What has to be applied before: what the leader has proposed by now counts as done.
    var index: UInt64
    var evaluation: UniqueID
    var token: UniqueID
    var attempt: Int
    var unixNanoseconds: Int64

    func write(to writer: inout ByteWriter) {
        writer.write(term)
        writer.write(number)
        writer.write(index)
        writer.write(id: evaluation)
        writer.write(id: token)
        writer.write(UInt32(clamping: attempt))
        writer.write(unixNanoseconds)
    }
}

extension LookRequest {
    init(reading reader: inout ByteReader) throws(ByteError) {
        term = try reader.readUInt64()
        number = try reader.readUInt64()
        index = try reader.readUInt64()
        evaluation = try reader.readID()
        token = try reader.readID()
        attempt = Int(try reader.readUInt32())
        unixNanoseconds = try reader.readInt64()
        try reader.finish()
    }
}

/// What became of it.
struct LookAnswer: Equatable {
    var number: UInt64
    var token: UniqueID
    /// Encoded; nil if the server could not look, or what it found is too much to send.
    var report: [UInt8]?

    func write(to writer: inout ByteWriter) {
        writer.write(number)
        writer.write(id: token)
        writer.write(report != nil)
        if let report { writer.write(bytes: report) }
    }
}

extension LookAnswer {
    init(reading reader: inout ByteReader) throws(ByteError) {
        number = try reader.readUInt64()
        token = try reader.readID()
        report = try reader.readBool() ? try reader.readBytes(max: LookReport.bytesMax) : nil
        try reader.finish()
    }
}

extension ByteWriter {
    fileprivate mutating func write(id: UniqueID) {
        write(id.high)
        write(id.low)
    }
}

extension ByteReader {
    fileprivate mutating func readID() throws(ByteError) -> UniqueID {
        UniqueID(high: try readUInt64(), low: try readUInt64())
    }
}
