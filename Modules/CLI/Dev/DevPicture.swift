// SPDX-License-Identifier: Apache-2.0
import MartletTransport

/// What the servers of `martlet dev` say of themselves, at one moment.
struct DevPicture {
    struct Facts: Equatable {
        /// Leader, Follower, Candidate.
        let role: String
        let term: UInt64
        let lastIndex: UInt64
        let committed: UInt64

        /// - Parameter answer: of `/v1/agent/self`.
        init(_ answer: Answer) throws(CLIFailure) {
            let raft = try answer.required("stats").required("raft")
            // The statistics are texts, as Nomad's are.
            func number(_ name: String) -> UInt64 { UInt64(raft.text(name)) ?? 0 }
            role = raft.text("state")
            term = number("term")
            lastIndex = number("last_log_index")
            committed = number("commit_index")
        }

        init(role: String, term: UInt64, lastIndex: UInt64, committed: UInt64) {
            self.role = role
            self.term = term
            self.lastIndex = lastIndex
            self.committed = committed
        }
    }

    /// Of those that answered, by number.
    var facts: [Int: Facts] = [:]
    /// As one of them sees it; nil if none could say.
    var overview: Overview?
    /// Who said so.
    var source = ""

    /// Who leads in the newest term.
    var leader: (number: Int, term: UInt64)? {
        facts.filter { $0.value.role == "Leader" }
            .map { (number: $0.key, term: $0.value.term) }
            .max { ($0.term, $0.number) < ($1.term, $1.number) }
    }

    /// Whether all servers vote and are healthy, and it is known who leads: of an election that ended while they
    /// were asked, one may still say that nobody does.
    func isHealthy(servers: Int) -> Bool {
        guard let overview, overview.isLive, overview.rows.count == servers, leader != nil else {
            return false
        }
        return overview.rows.allSatisfy { $0.isVoter && $0.isHealthy }
    }

    /// What is worth a line, compared with what was before.
    func news(since before: DevPicture) -> [String] {
        var lines: [String] = []
        for number in facts.keys.sorted() where before.facts[number] == nil {
            lines.append("s\(number) answers")
        }
        if leader?.number != before.leader?.number || leader?.term != before.leader?.term {
            lines.append(leader.map { "s\($0.number) leads, in term \($0.term)" } ?? "no leader")
        }
        if let overview, overview.headline != before.overview?.headline,
            overview.news != before.overview?.news
        {
            lines += overview.news
        }
        return lines
    }

    /// What was told once this is: while nobody can say how safe the cluster is, the last word
    /// counts, and is no news when it is said again.
    func told(after before: DevPicture) -> DevPicture {
        var told = self
        if overview == nil { told.overview = before.overview }
        return told
    }
}

extension Overview {
    /// What of it is news when it changes: not the numbers in the reasons.
    fileprivate var headline: [String] {
        [level.word, sentence] + rows.filter { !$0.isHealthy }.map(\.name)
    }

    fileprivate var news: [String] {
        ["\(level.word): \(sentence)"] + reasons.map { "  - \($0)" }
    }
}
