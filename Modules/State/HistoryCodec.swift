// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes

// How commands and snapshots of version 3 write the history.
//
// Event                                       Leadership term
//
// | bytes | meaning                        |  | bytes | meaning                          |
// |-------|--------------------------------|  |-------|----------------------------------|
// | 8     | time, ns since 1970            |  | 8     | term                             |
// | 1     | actor: 0 autopilot,            |  | …     | id of the leader                 |
// |       | 1 operator, 2 server           |  | …     | its name                         |
// | …     | an operator's accessor         |  | 8     | since, ns since 1970             |
// | …     | action                         |
// | …     | server id                      |  Author
// | …     | server name                    |
// | …     | rule                           |  | bytes | meaning                          |
// | …     | reason                         |  |-------|----------------------------------|
// | 8     | hash of the inputs             |  | 8     | time, ns since 1970              |
// | 8     | old configuration index        |  | …     | accessor                         |
// | 8     | new configuration index        |
// | …     | outcome                        |
//
// Texts are short strings. A record's log index is not part of it: a command gets it from the log, a
// snapshot writes it before.

extension ByteWriter {
    mutating func write(_ event: borrowing HistoryEvent) {
        write(event.unixNanoseconds)
        switch event.actor {
        case .autopilot: write(0 as UInt8)
        case .operator(let accessor):
            write(1 as UInt8)
            write(shortString: accessor)
        case .server: write(2 as UInt8)
        }
        write(shortString: event.action.rawValue)
        write(shortString: event.serverID)
        write(shortString: event.serverName)
        write(shortString: event.rule)
        write(shortString: event.reason)
        write(event.inputsHash)
        write(event.oldConfigurationIndex)
        write(event.newConfigurationIndex)
        write(shortString: event.outcome)
    }

    mutating func write(_ leader: LeadershipTerm) {
        write(leader.term)
        write(shortString: leader.leaderID)
        write(shortString: leader.leaderName)
        write(leader.sinceUnixNanoseconds)
    }

    mutating func write(_ author: HistoryEvent.Author) {
        write(author.unixNanoseconds)
        write(shortString: author.accessor)
    }
}

extension StateReader {
    mutating func event() throws(StateError) -> HistoryEvent {
        let time = try int64()
        let actor: HistoryEvent.Actor
        switch try uint8() {
        case 0: actor = .autopilot
        case 1: actor = .operator(accessor: try text())
        case 2: actor = .server
        case let other: throw .malformed("unknown actor \(other)")
        }
        let action = HistoryEvent.Action(rawValue: try text())
        return HistoryEvent(
            unixNanoseconds: time, action: action, actor: actor, serverID: try text(),
            serverName: try text(), rule: try text(), reason: try text(),
            inputsHash: try uint64(), oldConfigurationIndex: try uint64(),
            newConfigurationIndex: try uint64(), outcome: try text())
    }

    /// Checks all that ``event()`` does, and makes nothing of it.
    mutating func skipEvent() throws(StateError) {
        _ = try int64()
        switch try uint8() {
        case 0, 2: break
        case 1: try skipText()
        case let other: throw .malformed("unknown actor \(other)")
        }
        for _ in 0..<5 { try skipText() }
        for _ in 0..<3 { _ = try uint64() }
        try skipText()
    }

    /// The log index of a record.
    mutating func recordIndex(after previous: UInt64, last: UInt64) throws(StateError) -> UInt64 {
        let index = try uint64()
        guard previous < index, index <= last else {
            throw .malformed("a record of \(index) after \(previous) at \(last)")
        }
        return index
    }

    mutating func leader() throws(StateError) -> LeadershipTerm {
        LeadershipTerm(
            term: try uint64(), leaderID: try text(), leaderName: try text(),
            sinceUnixNanoseconds: try int64())
    }

    mutating func author() throws(StateError) -> HistoryEvent.Author {
        HistoryEvent.Author(unixNanoseconds: try int64(), accessor: try text())
    }
}
