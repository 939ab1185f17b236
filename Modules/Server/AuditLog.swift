// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletTransport

/// The audit log as the loop sees it: lines are gathered, and written by a lane, one write for all
/// that came in a turn or while the disk was busy.
///
/// ```
///   received ──▶ waiting ──▶ with the disk ──▶ durable: the request goes on
///                   └── full, or the disk refuses ──▶ enforced: refused · best effort: counted
/// ```
///
/// While the disk refuses it is tried again each second, so that what asks whether all is well, and sends
/// nothing while it is not, learns when it is.
///
/// A disk that does not answer counts as one that refuses, until it answers:
///
/// ```
///            write                ``patience``
///    free ──────────▶ busy ────────────────▶ silent
///     ▲                │ answer                │ answer, of which no request learns
///     └────────────────┴───────────────────────┘
/// ```
final class AuditLog {
    private struct Line {
        let object: [UInt8]
        /// Called once; nil where nobody waits for it, or does no more.
        var written: ((FileError?) -> Void)?
    }

    /// The lane, as far as this log knows.
    private enum Writer {
        case free
        case busy
        /// What was handed over is not answered in time, and may still be written or not.
        case silent
    }

    /// What happened since the start.
    struct Counters {
        var written: UInt64 = 0
        /// Lines that could not be written.
        var lost: UInt64 = 0
        /// Changes that were refused since their line could not be written.
        var changesRefused: UInt64 = 0
        /// Refusals that were too many to be written: a stranger shall not fill the log.
        var refusalsUnwritten: UInt64 = 0
    }

    private let options: AuditOptions
    private let loop: any Loop
    private let lane: any Lane
    private let logger: Logger
    private var file: AuditFile
    private var waiting: [Line] = []
    private var waitingBytes = 0
    private var writer = Writer.free
    /// With the disk; empty if that is free.
    private var writing: [Line] = []
    private var writesBegun: UInt64 = 0
    private var isScheduled = false
    /// Why the last write did not succeed, or is taken for one that does not; nil if it did.
    private(set) var failure: FileError?
    private var retry: (any LoopTimer)?
    private var patienceTimer: (any LoopTimer)?
    private var endings: [() -> Void] = []
    private(set) var counters = Counters()

    /// Refusals in this second.
    private var refusals: (second: Int64, count: Int) = (.min, 0)
    private var refusalsUnwrittenSince: UInt64 = 0

    /// Beyond, the disk does not keep up: a line more is refused.
    static let waitingBytesMax = 4 << 20
    private static let refusalsPerSecondMax = 100
    private static let retryInterval: Duration = .seconds(1)
    /// Far more than a sync takes on a disk that is of use, and so little that a request which waits for
    /// a write, and then for a majority's disks, is answered before its client gives up.
    static let patience: Duration = .seconds(3)

    init(
        _ options: AuditOptions, node: String, files: any Files, crypto: any Crypto,
        loop: any Loop, logger: Logger
    ) {
        self.options = options
        self.loop = loop
        self.logger = logger
        lane = loop.makeLane(named: "audit")
        file = AuditFile(options, node: node, files: files, crypto: crypto)
        retry = loop.makeTimer { [weak self] in self?.tryAgain() }
        patienceTimer = loop.makeTimer { [weak self] in self?.patienceEnded() }
    }

    /// Whether a change is refused, as far as is known.
    var refusesChanges: Bool { failure != nil && options.guarantee == .enforced }

    /// Before a change is begun. `go` is called once: with nil when it may be begun.
    func received(_ record: AuditRecord, go: @escaping (FileError?) -> Void) {
        let line = record.line(.received, nil, unixNanoseconds: loop.wallClockNanoseconds)
        switch options.guarantee {
        case .bestEffort:
            add(Line(object: line, written: nil))
            go(nil)
        case .enforced:
            add(
                Line(object: line) { [weak self] error in
                    if error != nil { self?.counters.changesRefused += 1 }
                    go(error)
                })
        }
    }

    /// After it was carried out, or was found impossible.
    func completed(_ record: AuditRecord, _ outcome: AuditRecord.Outcome) {
        let now = loop.wallClockNanoseconds
        add(Line(object: record.line(.complete, outcome, unixNanoseconds: now), written: nil))
    }

    /// A request that was refused before it did anything: both lines at once, of so many a second.
    func refused(_ makeRecord: () -> AuditRecord?, _ outcome: AuditRecord.Outcome) {
        let now = loop.wallClockNanoseconds
        let second = now / 1_000_000_000
        if refusals.second != second { refusals = (second, 0) }
        guard refusals.count < Self.refusalsPerSecondMax, let record = makeRecord() else {
            counters.refusalsUnwritten += 1
            refusalsUnwrittenSince += 1
            return
        }
        refusals.count += 1
        var outcome = outcome
        outcome.unwritten = refusalsUnwrittenSince
        refusalsUnwrittenSince = 0
        add(Line(object: record.line(.received, nil, unixNanoseconds: now), written: nil))
        add(Line(object: record.line(.complete, outcome, unixNanoseconds: now), written: nil))
    }

    /// Calls `done` when all that was added is written, or cannot be; not before a silent disk answers.
    func finish(_ done: @escaping () -> Void) {
        guard writer != .free || !waiting.isEmpty else { return done() }
        endings.append(done)
        flush()
    }

    // MARK: Writing

    private func add(_ line: Line) {
        if writer == .silent, let failure, let written = line.written {
            counters.lost += 1
            return written(failure)
        }
        guard waitingBytes < Self.waitingBytesMax else {
            counters.lost += 1
            line.written?(.failed(path: options.path, reason: "too many lines wait for the disk"))
            return
        }
        waiting.append(line)
        waitingBytes += line.object.count
        guard !isScheduled, writer == .free else { return }
        isScheduled = true
        loop.atEndOfTurn { [weak self] in
            self?.isScheduled = false
            self?.flush()
        }
    }

    private func flush() {
        if writer == .free, !waiting.isEmpty { write() }
    }

    /// After a failure what is there is looked at anew, and the log's own line says that it goes on: even
    /// without another line, something is written.
    private func tryAgain() {
        if writer == .free, failure != nil { write() }
    }

    private func write() {
        writer = .busy
        writesBegun += 1
        writing = waiting
        waiting = []
        waitingBytes = 0
        let objects = writing.map(\.object)
        let now = loop.wallClockNanoseconds
        let start = file
        patienceTimer?.arm(at: loop.now + Self.patience)
        lane.submit({ () -> (AuditFile, FileError?) in
            var file = start
            do throws(FileError) {
                try file.write(objects, at: now)
                return (file, nil)
            } catch {
                return (file, error)
            }
        }) { [self] file, error in
            self.file = file
            finished(error)
        }
    }

    private func finished(_ error: FileError?) {
        patienceTimer?.disarm()
        writer = .free
        let batch = writing
        writing = []
        if let error {
            counters.lost &+= UInt64(batch.count)
            if failure == nil { tell(of: error) }
        } else {
            counters.written &+= UInt64(batch.count)
            if failure != nil { logger.notice("the audit log is written again") }
        }
        failure = error
        if error != nil { retry?.arm(at: loop.now + Self.retryInterval) }
        for line in batch { line.written?(error) }
        flush()
        guard writer == .free, waiting.isEmpty else { return }
        let done = endings
        endings = []
        for each in done { each() }
    }

    // MARK: A disk that does not answer

    private func patienceEnded() {
        let number = writesBegun
        // Where the whole process stood still, the answer may have come as well.
        loop.atEndOfTurn { [weak self] in
            guard let self else { return }
            if self.writer == .busy, self.writesBegun == number { self.fallSilent() }
        }
    }

    /// Who waits for the disk is told at once, and is not done when it answers after all. The lines that
    /// nobody waits for stay, as many as may wait.
    private func fallSilent() {
        let error = FileError.failed(path: options.path, reason: "its disk does not answer")
        if failure == nil { tell(of: error) }
        failure = error
        writer = .silent
        let stuck = writing.compactMap { $0.written }
        for position in writing.indices { writing[position].written = nil }
        let refused = waiting.compactMap { $0.written }
        waiting.removeAll { $0.written != nil }
        waitingBytes = waiting.reduce(0) { $0 + $1.object.count }
        counters.lost += UInt64(refused.count)
        for written in stuck + refused { written(error) }
    }

    private func tell(of error: FileError) {
        let consequence =
            switch options.guarantee {
            case .enforced: "no change is taken until it can be"
            case .bestEffort: "changes go on without it"
            }
        logger.error(
            "the audit log cannot be written: \(consequence)", metadata: ["error": "\(error)"])
    }
}
