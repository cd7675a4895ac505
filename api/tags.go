package api

import (
	"context"

	"gnomon"
	"gnomon/control"
	"gnomon/sagemaker"
)

func (a *API) addTags(ctx context.Context, in *sagemaker.AddTagsInput) (*sagemaker.AddTagsOutput, error) {
	all, err := a.tags.Add(ctx, in.ResourceArn, tagsOf(in.Tags))
	if err != nil {
		return nil, err
	}
	return &sagemaker.AddTagsOutput{Tags: showTags(all)}, nil
}

// listTags answers one page: a resource has at most 50 tags, and MaxResults is at least that.
func (a *API) listTags(ctx context.Context, in *sagemaker.ListTagsInput) (*sagemaker.ListTagsOutput, error) {
	if in.NextToken != nil {
		return nil, invalid("Invalid NextToken: all tags of a resource are on its first page. Leave it out.")
	}
	all, err := a.tags.List(ctx, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &sagemaker.ListTagsOutput{Tags: showTags(all)}, nil
}

func (a *API) deleteTags(ctx context.Context, in *sagemaker.DeleteTagsInput) (*sagemaker.DeleteTagsOutput, error) {
	if err := a.tags.Delete(ctx, in.ResourceArn, in.TagKeys); err != nil {
		return nil, err
	}
	return &sagemaker.DeleteTagsOutput{}, nil
}

// newTags returns the tags of a new resource other than an experiment, if they may stand on one together.
func newTags(in []sagemaker.Tag) ([]gnomon.Tag, error) {
	tags := tagsOf(in)
	return tags, control.CheckTags(tags)
}

func tagsOf(in []sagemaker.Tag) []gnomon.Tag {
	tags := make([]gnomon.Tag, len(in))
	for i, t := range in {
		tags[i] = gnomon.Tag{Key: t.Key, Value: t.Value}
	}
	return tags
}

// showTags never returns nil: clients expect the member even when there is no tag.
func showTags(tags []gnomon.Tag) []sagemaker.Tag {
	out := make([]sagemaker.Tag, len(tags))
	for i, t := range tags {
		out[i] = sagemaker.Tag{Key: t.Key, Value: t.Value}
	}
	return out
}
