// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletJSON
import Testing

private func encoded(_ value: some JSONWritable) -> String {
    String(decoding: JSONWriter.encode(value), as: UTF8.self)
}

@Suite("Responses have the names and the order that clients know") struct ResponseTests {
    @Test("Raft configuration")
    func raftConfiguration() {
        let server = RaftServer(
            address: "10.0.0.1:4647", id: "a", isLeader: true, node: "s1.global",
            raftProtocol: "3", isVoter: true)

        #expect(
            encoded(RaftConfigurationResponse(index: 9, servers: [server]))
                == #"{"Index":9,"Servers":[{"Address":"10.0.0.1:4647","ID":"a","Leader":true,"#
                + #""Node":"s1.global","RaftProtocol":"3","Voter":true}]}"#)
        #expect(
            encoded(RaftConfigurationResponse(index: 0, servers: []))
                == #"{"Index":0,"Servers":[]}"#)
    }

    @Test("Leadership transfer")
    func transfer() {
        let response = TransferLeadershipResponse(
            from: .init(address: "10.0.0.1:4647", id: "a"),
            to: .init(address: "10.0.0.2:4647", id: "b"), isNoop: false)

        #expect(
            encoded(response)
                == #"{"From":{"Address":"10.0.0.1:4647","ID":"a"},"#
                + #""To":{"Address":"10.0.0.2:4647","ID":"b"},"Noop":false,"Err":null}"#)
    }

    @Test("Health, with and without a leader")
    func health() {
        let server = ServerHealth(
            lastContact: GoDuration(nanoseconds: 30_998_722), id: "a", name: "s1.global",
            address: "10.0.0.1:4647", serfStatus: .alive, version: "1.0.0", isLeader: false,
            lastTerm: 2, lastIndex: 7, isHealthy: true, isVoter: true,
            stableSinceUnixNanoseconds: 1_488_844_071_500_000_000)
        var health = OperatorHealth(
            failureTolerance: 1, isHealthy: true, leader: "b", servers: [server], voters: ["a"])

        #expect(
            encoded(health)
                == #"{"FailureTolerance":1,"Healthy":true,"Leader":"b","Servers":[{"#
                + #""LastContact":"30.998722ms","ID":"a","Name":"s1.global","#
                + #""Address":"10.0.0.1:4647","SerfStatus":"alive","Version":"1.0.0","#
                + #""Leader":false,"LastTerm":2,"LastIndex":7,"Healthy":true,"Voter":true,"#
                + #""StableSince":"2017-03-06T23:47:51Z"}],"Voters":["a"]}"#)
        health.leader = nil
        #expect(!encoded(health).contains(#""Leader":"b""#))
    }

    @Test("Members, their tags sorted by name")
    func members() {
        let versions = AgentMember.Versions(current: 4, oldest: 2, newest: 5)
        let member = AgentMember(
            address: "10.0.0.1", delegateVersions: versions, name: "s1.global", port: 4648,
            protocolVersions: versions, status: .alive,
            tags: ["vsn": "1", "build": "1.0.0", "port": "4647", "Z": "z"])
        let response = AgentMembersResponse(
            members: [member], serverDatacenter: "dc1", serverName: "s1", serverRegion: "global")

        #expect(
            encoded(response)
                == #"{"Members":[{"Addr":"10.0.0.1","DelegateCur":4,"DelegateMax":5,"#
                + #""DelegateMin":2,"Name":"s1.global","Port":4648,"ProtocolCur":4,"#
                + #""ProtocolMax":5,"ProtocolMin":2,"Status":"alive","Tags":{"Z":"z","#
                + #""build":"1.0.0","port":"4647","vsn":"1"}}],"ServerDC":"dc1","#
                + #""ServerName":"s1","ServerRegion":"global"}"#)
    }
}
