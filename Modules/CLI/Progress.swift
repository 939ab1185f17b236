// SPDX-License-Identifier: Apache-2.0

/// How far bytes have come, on one line of a terminal that is drawn again and again, and is gone at the
/// end. Elsewhere, nothing.
final class Progress {
    private static let interval: Int64 = 100_000_000
    private static let barWidth = 24

    private let environment: CLIEnvironment
    private let word: String
    /// nil if nobody knows.
    private let total: Int?
    private let begunAt: Int64
    private var drawnAt: Int64
    private var isDrawn = false
    private(set) var bytes = 0

    /// - Parameter word: what is done: `Saving`.
    init(_ word: String, of total: Int?, _ environment: CLIEnvironment) {
        self.environment = environment
        self.word = word
        self.total = total
        begunAt = environment.wallClockNanoseconds()
        drawnAt = begunAt
    }

    func add(_ count: Int) {
        bytes += count
        guard environment.isTerminal else { return }
        let now = environment.wallClockNanoseconds()
        guard now - drawnAt >= Self.interval || now < drawnAt else { return }
        drawnAt = now
        draw(line(at: now))
    }

    /// Nothing moves, and something is done all the same.
    func wait(_ what: String) {
        if environment.isTerminal { draw(what) }
    }

    /// The line is free again.
    func end() {
        if isDrawn { environment.writeOutput(Array("\r\u{1B}[K".utf8)) }
        isDrawn = false
    }

    private func draw(_ line: String) {
        isDrawn = true
        let text = String(line.prefix(max(20, environment.width - 1)))
        environment.writeOutput(Array("\r\(text)\u{1B}[K".utf8))
    }

    private func line(at now: Int64) -> String {
        let seconds = max(Double(now - begunAt) / 1e9, 0.001)
        let rate = Double(bytes) / seconds
        guard let total, total > 0, bytes <= total else {
            return "\(word)  \(Self.size(bytes))  \(Self.size(Int(rate)))/s"
        }
        let filled = Self.barWidth * bytes / total
        let bar =
            String(repeating: "#", count: filled)
            + String(repeating: ".", count: Self.barWidth - filled)
        let left = rate > 0 ? Int(Double(total - bytes) / rate) : 0
        return "\(word)  [\(bar)] \(100 * bytes / total) %  \(Self.size(bytes)) of "
            + "\(Self.size(total))  \(Self.size(Int(rate)))/s  \(left) s left"
    }

    /// `512 B`, `12.3 MB`: powers of ten.
    static func size(_ bytes: Int) -> String {
        var (value, unit) = (Double(bytes), 0)
        let units = ["B", "kB", "MB", "GB", "TB"]
        while value >= 1000, unit < units.count - 1 {
            value /= 1000
            unit += 1
        }
        guard unit > 0 else { return "\(bytes) B" }
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) \(units[unit])"
    }
}
