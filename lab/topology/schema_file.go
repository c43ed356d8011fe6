package topology

import (
	"bytes"
	"encoding/json"
	"slices"

	"labrun/lab"
	"labrun/lab/syntax"
)

// What addresses look like; whether they are any, Load finds out.
const (
	ip4Pattern = `[0-9]{1,3}(?:\.[0-9]{1,3}){3}`
	ip6Pattern = `[0-9A-Fa-f]*:[0-9A-Fa-f:.]*`
)

// fileSchema is the whole of a file. A topology and a file that topologies include have one schema,
// since an editor chooses it by the name of the file; what a file needs depends on what it has.
func fileSchema() object {
	o := closed("A topology of labrun: hosts with NICs on networks, and experiments about bind, listen and connect.",
		schemas{
			"name": nameValue(syntax.TopologyName,
				"The topology's name, as reports show it: "+syntax.TopologyName.Words+"."),
			"doc":         ref("doc"),
			"question":    text("The question that the file puts to the kernel; lists and reports show it."),
			"found":       text("The answer to the question, in one or two sentences, as far as the cells show it."),
			"level":       levelSchema(),
			"see":         seeSchema(),
			"include":     includeSchema(),
			"claims":      claimsSchema(),
			"networks":    networksSchema(),
			"defaults":    closed("What all hosts have.", schemas{"sysctls": sysctlsSchema()}),
			"hosts":       hostsSchema(),
			"kernels":     kernelsSchema(),
			"probes":      probesSchema(),
			"experiments": experimentsSchema(),
		})
	// A file that topologies share has none of the three, a topology has them all.
	needs := map[string][]string{}
	for i, key := range topologyKeys {
		needs[key] = slices.Concat(topologyKeys[:i], topologyKeys[i+1:])
	}
	o["dependentRequired"] = needs
	o["anyOf"] = []object{{"required": topologyKeys}, {"required": []string{"experiments"}},
		{"required": []string{"probes"}},
		{"required": []string{"claims"}}, {"required": []string{"include"}}}
	// A name and no address: the schema is in the program, and nothing fetches it.
	o["$id"] = "urn:labrun:topology"
	o["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	o["title"] = "labrun topology"
	o["$defs"] = definitions()
	return o
}

// definitions are the parts that stand in several places, or in themselves.
func definitions() schemas {
	defs := schemas{
		"doc":       text("What it is about; reports show it. Several lines: doc: |"),
		"duration":  durationSchema(),
		"processes": processesSchema(),
		"steps":     stepsSchema(),
		"step":      stepSchema(),
		"program":   programSchema(),
		"calls":     callsSchema(),
		"call":      callSchema(),
		"match":     matchSchema(),
		"rules":     rulesSchema(),
	}
	for _, s := range lab.Signatures {
		defs["call-"+s.Name] = signatureSchema(s)
	}
	return defs
}

// includeSchema is the key include: paths that lead nowhere but down.
func includeSchema() object {
	file := nameValue(includeName, "A file with experiments, probes or claims, in the folder of this one or below it.").
		with("examples", []string{"shared/ports.yaml"}).
		with("not", object{"pattern": `^/|(?:^|/)\.\.(?:/|$)`})
	o := oneOrMore("Files with experiments, probes and claims to take as if they stood here, before this file's own.",
		file)
	o["maxItems"] = maxIncluded
	return o
}

// claimsSchema is the section claims.
func claimsSchema() object {
	o := named("Sentences that the experiments put to the test; an experiment names one with \"claim:\".",
		syntax.ClaimName,
		text("The sentence."))
	o["maxProperties"] = maxClaims
	return o
}

// networksSchema is the section networks: a subnet alone, or a mapping.
func networksSchema() object {
	four := like("An IPv4 subnet.", "^"+ip4Pattern+"/[0-9]{1,2}$", "192.0.2.0/24", "198.51.100.0/24", "10.1.0.0/16")
	six := like("An IPv6 subnet.", "^"+ip6Pattern+"/[0-9]{1,3}$", "2001:db8:a::/64", "2001:db8:b::/64")
	several := func(subnet object) object {
		o := oneOrMore("A subnet, or a list of them; automatic addresses come from the first.", subnet)
		o["anyOf"].([]object)[1]["maxItems"] = maxSubnets
		return o
	}
	mapping := closed("The network's subnets, as far as it has any.", schemas{
		"subnet": several(four), "subnet6": several(six),
		"link": object{"enum": []any{true, false, "true", "false"},
			"description": "The network is a cable between exactly two NICs: " +
				"one has carrier while the other is up. Otherwise it is a bridge."},
	})
	o := named("Networks by name: a SUBNET, or {subnet: IPV4, subnet6: IPV6, link: true}. A network is a bridge of "+
		"the lab's own, or a cable.",
		syntax.NetworkName, either("The network's subnet, or a mapping.", four, six, mapping))
	o["minProperties"], o["maxProperties"] = 1, maxNetworks
	o["defaultSnippets"] = []object{{"label": "two networks", "body": object{
		"red": "192.0.2.0/24", "blue": object{"subnet": "198.51.100.0/24", "subnet6": "2001:db8:b::/64"},
	}}}
	return o
}

// hostsSchema is the section hosts. An address may be left out; that is the first thing to learn of it.
func hostsSchema() object {
	alias := nameValue(syntax.AliasName,
		"A name for the address, which steps use: x is the IPv4 address, x6 the IPv6 address beside it.").
		with("examples", []string{"x", "y"})
	address := like("An address in a subnet of the network, with or without its length.",
		"^(?:"+ip4Pattern+"|"+ip6Pattern+")(?:/[0-9]{1,3})?$", "192.0.2.10/24", "2001:db8:a::10/64")
	several := object{"type": "array", "minItems": 1, "maxItems": maxAddresses, "items": either(
		"An address, or {address, as} to give it a name of its own.", address,
		closed("An address with a name of its own.", schemas{"address": address, "as": alias}, "address"))}
	none := object{"const": noAddress, "description": "The NIC has no address."}
	nic := closed("A NIC: one end of a veth pair, the other end is a port of the network, or of a cable the other NIC.",
		schemas{
			"network": nameValue(syntax.NetworkName, "The name of the network that the NIC is on."),
			"address": either("The NIC's address, or a list of them, or none. Left out: the next free one, the same on "+
				"every run.",
				none, address, several),
			"as": alias,
			"type": like("A NIC on no network, in the words of ip-link(8). A kernel that lacks the kind is a skip.",
				"^"+syntax.SpecPattern+"$", syntax.SpecExamples[lab.KindLink]...),
			"netem": like("What becomes of packets that the NIC sends, in the words of tc-netem(8).",
				"^"+syntax.SpecPattern+"$", syntax.SpecExamples[lab.KindNetem]...),
			"master": nameValue(syntax.NicName,
				"The bridge or bond that it is put under, or its VRF: a NIC that stands before it."),
		})
	nic["oneOf"] = []object{{"required": []string{"network"}}, {"required": []string{"type"}}}
	nics := named("The host's NICs by name.", syntax.NicName, nic)
	nics["maxProperties"] = maxNICs
	nics["defaultSnippets"] = []object{{"label": "two NICs", "body": twoNICs}}
	o := named("Hosts by name. A host is a network namespace with NICs; experiments run in every one.", syntax.HostName,
		closed("A host: a network namespace.", schemas{"nics": nics, "sysctls": sysctlsSchema(),
			"routes": specsSchema(lab.KindRoute,
				"Routes as ip-route(8) writes them, beside those that follow from addresses."),
			"rules":      specsSchema(lab.KindRule, "Rules that choose a routing table, ip-rule(8)."),
			"neighbours": specsSchema(lab.KindNeighbour, "Static entries of the neighbour table, ip-neighbour(8)."),
			"nft": text("Rules for nft(8), which is a skip where it is not installed: nft: |",
				"table inet t { chain c { type filter hook input priority 0; tcp dport 80 drop; }; }"),
			"forwarding": object{"enum": []any{true, false, "true", "false"},
				"description": "The host is a router: it forwards packets of IPv4 and IPv6."},
			"count": object{"type": "integer", "minimum": 1, "maximum": maxHosts,
				"description": "So many hosts that are alike, called by the name and a number: web1, web2, ..."},
		}))
	o["minProperties"], o["maxProperties"] = 1, maxHosts
	o["defaultSnippets"] = []object{{"label": "two hosts with two NICs", "body": object{
		"alpha": object{"nics": twoNICs}, "beta": object{"nics": twoNICs},
	}}}
	return o
}

// specsSchema is a list of specs.
func specsSchema(k lab.Kind, doc string) object {
	o := oneOrMore(doc, like(doc, "^"+syntax.SpecPattern+"$", syntax.SpecExamples[k]...))
	o["anyOf"].([]object)[1]["maxItems"] = maxSpecs
	return o
}

// sysctlsSchema is kernel parameters, of a host or of all. Which there are depends on the kernel.
func sysctlsSchema() object {
	return object{
		"type": "object", "description": "Kernel parameters of the network namespace and their values, sysctl(8). A " +
			"host's own value stands in the place of that of all.",
		"propertyNames":        object{"pattern": syntax.Portable(syntax.SysctlSyntax())},
		"additionalProperties": text("The value.", "1"), "maxProperties": maxSysctls,
	}
}

var twoNICs = object{
	"eth0": object{"network": "red", "as": "x"},
	"eth1": object{"network": "blue", "as": "y"},
}

// probesSchema is the section probes: experiments without axes, rules and hosts.
func probesSchema() object {
	return named("Questions asked first, on the first host, that answers may depend on: [ok on probe NAME].",
		syntax.ExperimentName,
		closed("A probe: the kernel has this feature when every step is answered as it says.", schemas{
			"doc": ref("doc"), "processes": ref("processes"), "steps": stepsOrLines(),
		}, "steps"))
}

// Schema returns the JSON Schema, draft 2020-12, of a topology file: for editors,
// which complete its keys and calls by it and show what they mean. It is made from
// the vocabulary, so a new call or option is in it by itself. A file that it
// takes may still have mistakes, such as a name that names nothing; Load finds
// those.
//
// Names are taken as written here, while a reader of YAML 1.2 makes booleans and
// numbers of yes, 1e3 and 0x1f, or not: the schema takes all three.
//
// Its patterns are those that Go and JavaScript read alike.
func Schema() []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(fileSchema()); err != nil {
		panic(err) // maps, lists and strings: there is nothing that JSON could not say
	}
	return b.Bytes()
}
