// SPDX-License-Identifier: Apache-2.0

/// What a ``ByteSource`` gives when it is asked.
public enum SourcePiece: Sendable, Equatable {
    /// At least one byte; how many is for the source to say, some 64 KiB at most.
    case bytes([UInt8])
    /// That was all.
    case end
    /// There is no more, and what came is not the whole. The text is for people.
    case failed(String)
}

/// Bytes that are made, or come from somewhere, one piece at a time and only when they are asked for:
/// the body of a request or of an answer on its way. Whoever takes them sets the pace, so that neither
/// end holds more than a piece.
///
/// ```
///   idle ──next()──▶ asked ──bytes──▶ idle
///                      └────end, failed──▶ over          any ──cancel()──▶ over
/// ```
///
/// Confined to the loop.
public protocol ByteSource: AnyObject {
    /// Asks for the next piece. `taken` is called once, in this call or later, on the loop; a source
    /// without news may take as long as it likes.
    ///
    /// - Precondition: The piece before was given, and it was neither the end nor a failure.
    func next(_ taken: @escaping (SourcePiece) -> Void)

    /// Nobody wants the rest: what was asked is not answered, and what the source holds is released.
    /// Without effect once it is over.
    func cancel()
}
