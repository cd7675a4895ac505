package gnomon

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Class is how much an instance matters to its machine. A shadow yields to production.
type Class string

// The classes.
const (
	Production Class = "production"
	Shadow     Class = "shadow"
)

// A FleetID names the instances of one variant that run the same thing. It is made from what they run, so that asking
// for the same thing twice names the same instances, and it is safe as a file name.
type FleetID string

// A Fleet is what a host is asked to run: Count instances, with ordinals from 0, of one container.
type Fleet struct {
	ID              FleetID
	EndpointID      string
	Endpoint        EndpointName
	Variant         VariantName
	Class           Class
	Container       Container
	KmsKey          string // encrypts what instances keep on disk; empty: nothing does
	InstanceType    InstanceType
	Count           int
	DownloadTimeout time.Duration // for the artifacts of one instance; 0: the host's default
	StartupTimeout  time.Duration // from start to the first good ping; 0: the host's default
}

// NewFleet returns the fleet that runs v for an endpoint.
func NewFleet(endpointID string, endpoint EndpointName, v Variant, class Class) Fleet {
	return Fleet{
		ID:              FleetID(endpointID[:min(12, len(endpointID))] + "-" + string(v.Name) + "-" + v.Fingerprint()),
		EndpointID:      endpointID,
		Endpoint:        endpoint,
		Variant:         v.Name,
		Class:           class,
		Container:       v.Container,
		KmsKey:          v.KmsKey,
		InstanceType:    v.InstanceType,
		Count:           v.Count,
		DownloadTimeout: v.DownloadTimeout,
		StartupTimeout:  v.StartupTimeout,
	}
}

// Fingerprint names what an instance of the variant runs, and on what: two variants of one name with one fingerprint
// share their instances. Count, weight and routing are not part of it, since they change nothing about an instance.
func (v Variant) Fingerprint() string {
	b, err := json.Marshal(struct {
		ModelID      string
		Container    Container
		InstanceType InstanceType
		Download     time.Duration
		Startup      time.Duration
		Incarnation  string
		KmsKey       string `json:",omitzero"`
	}{v.ModelID, v.Container, v.InstanceType, v.DownloadTimeout, v.StartupTimeout, v.Incarnation, v.KmsKey})
	if err != nil {
		panic(err) // strings, maps of strings and numbers always marshal
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:6])
}

// An InstanceID names one instance of a fleet.
type InstanceID struct {
	Fleet   FleetID
	Ordinal int
}

// String returns the fleet's ID, a dash and the ordinal.
func (id InstanceID) String() string { return string(id.Fleet) + "-" + strconv.Itoa(id.Ordinal) }

// An InstanceState is where an instance is in its life.
type InstanceState string

// The states of an instance. One that is not listed by its host does not exist.
const (
	InstanceStarting   InstanceState = "Starting"   // artifacts, start and first pings; has never been in service
	InstanceInService  InstanceState = "InService"  // answers pings; takes requests
	InstanceRestarting InstanceState = "Restarting" // was in service, died or stopped answering; is being started again
	InstanceFailed     InstanceState = "Failed"     // did not get into service within its deadlines; Failure says why
	InstanceStopping   InstanceState = "Stopping"   // asked to end
)

// An Instance is one running model server, as its host sees it.
type Instance struct {
	ID         InstanceID
	EndpointID string
	Variant    VariantName
	Class      Class
	State      InstanceState
	Address    string // host:port; set when InService
	Failure    *Failure
	Restarts   int
}

// A Census is a look at the instances of one variant that are in service.
type Census struct {
	Series    Series // without mirrors
	At        time.Time
	InService int   // at least one
	Used      []Use // by those of them that could be measured
}

// A Use is what one instance uses, in per cent, and what it lacks.
type Use struct {
	CPU    float64 // of one processor, since the look before: of four that are busy it is 400
	Memory float64 // of what the instance has
	Disk   float64 // of the disk that it is on

	// Waited is for how long its threads, one after the other, could have run since the look before and had no processor.
	Waited time.Duration
}

// A FailureKind says at which step an instance failed.
type FailureKind string

// The kinds of failure.
const (
	FailedImage    FailureKind = "image"    // nothing runs that image, or it does not start
	FailedDownload FailureKind = "download" // the artifacts could not be had or unpacked
	FailedPing     FailureKind = "ping"     // it never answered the health check
	FailedCapacity FailureKind = "capacity" // the machine cannot hold the instance type
	FailedVolume   FailureKind = "volume"   // what it keeps cannot be encrypted, or not be decrypted
)

// A Failure is why an instance never got into service.
type Failure struct {
	Kind   FailureKind
	Detail string // for the owner of the endpoint: what exactly, and what would be right
}

// Reason returns the failure in AWS's words for DescribeEndpoint's FailureReason, with the detail behind them.
func (f Failure) Reason(v VariantName) string {
	var s string
	switch f.Kind {
	case FailedPing:
		s = fmt.Sprintf("The primary container for production variant %s did not pass the ping health check. Please check CloudWatch logs for this endpoint.", v)
	case FailedDownload:
		s = "Failed to download model data for container \"container_1\". Please ensure that there is an object located at the URL and that the role passed to CreateModel has permissions to download the object."
	case FailedImage:
		s = fmt.Sprintf("The image of the model for production variant %s does not exist or cannot be started. Please ensure that it does and that the role passed to CreateModel has permissions to pull it.", v)
	case FailedVolume:
		s = fmt.Sprintf("The storage volume of production variant %s cannot be encrypted or decrypted by its KMS key. Please ensure that the key exists and is enabled.", v)
	case FailedCapacity:
		s = fmt.Sprintf("Unable to provision the requested capacity for production variant %s.", v)
	}
	if f.Detail != "" {
		s += " " + f.Detail
	}
	return clip(s, 1024)
}

// clip cuts s to at most n bytes, on a character's border.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
