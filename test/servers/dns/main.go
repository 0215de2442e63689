// A DNS server for tests: answers from a zone that is set over HTTP, over UDP and TCP, and shows faults when told to.
//
//	PUT    /zone          a zone in the format of RFC 1035 takes the place of what is there
//	PUT    /faults/NAME   servfail, refused or silent, for a name with its final dot
//	DELETE /faults/NAME   ends it
//	GET    /queries       queries since the start, by "PROTOCOL NAME TYPE"
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"sync"

	"github.com/miekg/dns"
)

const maxChain = 16

type server struct {
	mutex   sync.Mutex
	records map[string][]dns.RR
	faults  map[string]string
	queries map[string]int
	soa     dns.RR
}

func (s *server) setZone(text string) error {
	records := map[string][]dns.RR{}
	parser := dns.NewZoneParser(strings.NewReader(text), ".", "")
	var soa dns.RR
	for record, ok := parser.Next(); ok; record, ok = parser.Next() {
		name := strings.ToLower(record.Header().Name)
		if record.Header().Rrtype == dns.TypeSOA {
			soa = record
		}
		records[name] = append(records[name], record)
	}
	if err := parser.Err(); err != nil {
		return err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.records, s.soa = records, soa
	return nil
}

// answer follows aliases as a resolver does, and gives the response code.
func (s *server) answer(name string, kind uint16) ([]dns.RR, int) {
	found := []dns.RR{}
	for range maxChain {
		records, known := s.records[name]
		if !known {
			return found, dns.RcodeNameError
		}
		next := ""
		for _, record := range records {
			if record.Header().Rrtype == kind {
				found = append(found, record)
			} else if alias, ok := record.(*dns.CNAME); ok {
				found = append(found, record)
				next = strings.ToLower(alias.Target)
			}
		}
		if next == "" {
			break
		}
		name = next
	}
	return found, dns.RcodeSuccess
}

func (s *server) ServeDNS(writer dns.ResponseWriter, request *dns.Msg) {
	if len(request.Question) != 1 {
		return
	}
	question := request.Question[0]
	name := strings.ToLower(question.Name)
	network := writer.RemoteAddr().Network()
	s.mutex.Lock()
	s.queries[fmt.Sprintf("%s %s %s", network, name, dns.TypeToString[question.Qtype])]++
	fault := s.faults[name]
	records, code := s.answer(name, question.Qtype)
	soa := s.soa
	s.mutex.Unlock()
	if fault == "silent" {
		return
	}
	reply := new(dns.Msg)
	reply.SetReply(request)
	reply.RecursionAvailable = true
	switch fault {
	case "servfail":
		reply.Rcode = dns.RcodeServerFailure
	case "refused":
		reply.Rcode = dns.RcodeRefused
	default:
		reply.Rcode, reply.Answer = code, records
		if len(records) == 0 && soa != nil {
			reply.Ns = []dns.RR{soa}
		}
	}
	size := dns.MinMsgSize
	if options := request.IsEdns0(); options != nil {
		size = int(options.UDPSize())
		reply.SetEdns0(uint16(size), false)
	}
	if network == "udp" {
		reply.Truncate(size)
	} else {
		reply.Compress = true
	}
	if err := writer.WriteMsg(reply); err != nil {
		log.Print(err)
	}
}

func (s *server) ServeHTTP(writer http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		http.Error(writer, err.Error(), http.StatusBadRequest)
		return
	}
	name, isFault := strings.CutPrefix(request.URL.Path, "/faults/")
	switch {
	case request.Method == http.MethodPut && request.URL.Path == "/zone":
		if err := s.setZone(string(body)); err != nil {
			http.Error(writer, err.Error(), http.StatusBadRequest)
		}
		return
	case request.Method == http.MethodGet && request.URL.Path == "/queries":
		s.mutex.Lock()
		defer s.mutex.Unlock()
		_ = json.NewEncoder(writer).Encode(s.queries)
		return
	case isFault:
		s.mutex.Lock()
		defer s.mutex.Unlock()
		if request.Method == http.MethodDelete {
			delete(s.faults, name)
		} else {
			s.faults[name] = string(body)
		}
		return
	}
	http.NotFound(writer, request)
}

func main() {
	address := flag.String("dns", "127.0.0.1:5353", "address for DNS, UDP and TCP")
	control := flag.String("control", "127.0.0.1:5380", "address for the control over HTTP")
	flag.Parse()
	s := &server{records: map[string][]dns.RR{}, faults: map[string]string{}, queries: map[string]int{}}
	for _, network := range []string{"udp", "tcp"} {
		go func() {
			log.Fatal((&dns.Server{Addr: *address, Net: network, Handler: s}).ListenAndServe())
		}()
	}
	log.Fatal(http.ListenAndServe(*control, s))
}
