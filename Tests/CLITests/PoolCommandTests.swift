// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import MartletCLI

/// `node pool …`, against canned answers.
@Suite("Commands about pools of nodes") struct PoolCommandTests {
    private static let gpu = """
        {"CreateIndex":7,"Description":"cards","Meta":{"team":"ml"},"ModifyIndex":9,"Name":"gpu",\
        "SchedulerConfiguration":{"MemoryOversubscriptionEnabled":false,\
        "SchedulerAlgorithm":"spread"}}
        """

    @Test("Pools are listed, and one is shown with its rules")
    func reading() {
        let desk = Desk()
        desk.replies["GET /v1/node/pools?prefix=g"] = .ok("[\(Self.gpu)]")
        #expect(desk.run("node pool list -prefix=g") == 0)
        #expect(desk.text == "Name  Description\ngpu   cards\n")
        desk.replies["GET /v1/node/pool/gpu"] = .ok(Self.gpu)
        #expect(desk.run("node pool info gpu") == 0)
        #expect(
            desk.text == """
                Name                    = gpu
                Description             = cards
                Scheduler Algorithm     = spread
                Memory Oversubscription = false

                Meta
                team = ml

                """)
        desk.replies["GET /v1/node/pool/gpu/nodes"] = .ok(
            #"[{"ID":"1e1aa1e0-0000","Name":"n1","NodePool":"gpu","Status":"ready"}]"#)
        #expect(desk.run("node pool nodes gpu") == 0)
        #expect(desk.text.contains("1e1aa1e0  gpu        <none>  n1"))
        desk.replies["GET /v1/node/pool/gpu/jobs"] = .ok("[]")
        #expect(desk.run("node pool jobs gpu") == 0)
        #expect(desk.text == "No jobs\n")
    }

    @Test("A pool comes from HCL or JSON, and a fault has its place")
    func apply() {
        let desk = Desk()
        desk.put(
            "gpu.hcl",
            """
            node_pool "gpu" {
              description = "cards"
              meta { team = "ml" }
              scheduler_config {
                scheduler_algorithm             = "spread"
                memory_oversubscription_enabled = false
              }
            }
            """)
        desk.put("gpu.json", Self.gpu)
        desk.replies["PUT /v1/node/pools"] = .ok("")
        let body = Self.gpu.replacing(":7", with: ":0").replacing(":9", with: ":0")
        for file in ["gpu.hcl", "gpu.json"] {
            #expect(desk.run("node pool apply \(file)") == 0)
            #expect(desk.text == "Successfully applied node pool \"gpu\"!\n")
            #expect(desk.seen.last?.line.hasPrefix("PUT /v1/node/pools \(body)") == true)
        }
        for (text, fault) in [
            ("job \"a\" {}", "bad.hcl:1:1: unknown key \"job\""),
            ("node_pool \"a\" { metta {} }", "unknown key \"metta\" in \"node_pool\""),
            ("node_pool \"a b\" {}", "bad.hcl: invalid name \"a b\""),
            ("node_pool \"a\" {}\nnode_pool \"b\" {}", "bad.hcl:2:"),
            (
                "node_pool \"a\" { scheduler_config { scheduler_algorithm = \"x\" } }",
                "neither binpack nor spread"
            ),
        ] {
            desk.put("bad.hcl", text)
            #expect(desk.run("node pool apply bad.hcl") == 2)
            #expect(desk.errors.contains(fault), "\(desk.errors)")
        }
    }

    @Test("A pool that is not empty stays, and the reason is told")
    func delete() {
        let desk = Desk()
        desk.replies["DELETE /v1/node/pool/a%2Fb"] = .answer(400, "node pool has nodes")
        #expect(desk.run("node pool delete a/b") == 2)
        #expect(desk.errors.contains("node pool has nodes"))
        desk.replies["DELETE /v1/node/pool/gpu"] = .ok("")
        #expect(desk.run("node pool delete gpu") == 0)
        #expect(desk.text == "Successfully deleted node pool \"gpu\"!\n")
    }
}
