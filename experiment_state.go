package gnomon

import (
	"maps"
	"slices"
)

// An ExperimentStatus is where an experiment is in its life, in AWS's names.
type ExperimentStatus string

// The statuses of an experiment. Every end, early or not, passes Stopping, which lasts until the endpoint is as the
// experiment leaves it.
const (
	Creating  ExperimentStatus = "Creating"
	Created   ExperimentStatus = "Created"
	Updating  ExperimentStatus = "Updating"
	Starting  ExperimentStatus = "Starting"
	Running   ExperimentStatus = "Running"
	Stopping  ExperimentStatus = "Stopping"
	Completed ExperimentStatus = "Completed"
	Cancelled ExperimentStatus = "Cancelled"
)

var experimentArrows = map[ExperimentStatus][]ExperimentStatus{
	Creating:  {Created, Running, Stopping},
	Created:   {Updating, Starting, Stopping},
	Updating:  {Created, Running, Stopping},
	Starting:  {Running, Stopping},
	Running:   {Updating, Stopping},
	Stopping:  {Completed, Cancelled},
	Completed: {},
	Cancelled: {},
}

// CanBecome reports whether an experiment may go from s to next.
func (s ExperimentStatus) CanBecome(next ExperimentStatus) bool {
	return slices.Contains(experimentArrows[s], next)
}

// Final reports whether nothing follows s.
func (s ExperimentStatus) Final() bool { return len(experimentArrows[s]) == 0 }

// ExperimentArrows returns the state table, for tests and pictures.
func ExperimentArrows() map[ExperimentStatus][]ExperimentStatus { return maps.Clone(experimentArrows) }

// An Operation is one that asks something of an experiment in a certain status.
type Operation string

// The operations whose legality depends on the status.
const (
	UpdateExperiment Operation = "UpdateInferenceExperiment"
	StartExperiment  Operation = "StartInferenceExperiment"
	StopExperiment   Operation = "StopInferenceExperiment"
	DeleteExperiment Operation = "DeleteInferenceExperiment"
)

var legalIn = map[Operation][]ExperimentStatus{
	UpdateExperiment: {Created, Running},
	StartExperiment:  {Created},
	StopExperiment:   {Created, Running},
	DeleteExperiment: {Created, Completed, Cancelled},
}

// Legal reports whether op may be asked of an experiment in status s.
func (op Operation) Legal(s ExperimentStatus) bool { return slices.Contains(legalIn[op], s) }

// LegalIn lists the statuses in which op may be asked.
func (op Operation) LegalIn() []ExperimentStatus { return slices.Clone(legalIn[op]) }
