"""The operations of the official OpenAPI file, a line for each path; written by `scripts/operations.py`."""

OPERATIONS = """
GET POST /v1/assets
GET DELETE /v1/assets/{asset_id}
POST /v1/audio-isolation
GET /v1/audio-isolation/history
DELETE /v1/audio-isolation/history/{history_item_id}
POST /v1/audio-isolation/stream
POST /v1/audio-native
POST /v1/audio-native/content
POST /v1/audio-native/{project_id}/content
GET /v1/audio-native/{project_id}/settings
GET /v1/convai/agent-testing
POST /v1/convai/agent-testing/bulk-move
POST /v1/convai/agent-testing/create
POST /v1/convai/agent-testing/folders
GET PATCH DELETE /v1/convai/agent-testing/folders/{folder_id}
POST /v1/convai/agent-testing/summaries
GET PUT DELETE /v1/convai/agent-testing/{test_id}
GET /v1/convai/agent/{agent_id}/knowledge-base/size
POST /v1/convai/agent/{agent_id}/llm-usage/calculate
GET /v1/convai/agents
POST /v1/convai/agents/create
GET /v1/convai/agents/summaries
GET PATCH DELETE /v1/convai/agents/{agent_id}
POST /v1/convai/agents/{agent_id}/avatar
GET POST /v1/convai/agents/{agent_id}/branches
GET PATCH /v1/convai/agents/{agent_id}/branches/{branch_id}
GET POST /v1/convai/agents/{agent_id}/branches/{branch_id}/procedures
POST /v1/convai/agents/{agent_id}/branches/{branch_id}/procedures/compile
GET DELETE /v1/convai/agents/{agent_id}/branches/{branch_id}/procedures/{procedure_id}
GET PATCH DELETE /v1/convai/agents/{agent_id}/branches/{branch_id}/procedures/{procedure_id}/draft
POST /v1/convai/agents/{agent_id}/branches/{branch_id}/rebase
GET /v1/convai/agents/{agent_id}/branches/{branch_id}/rebase-preview
POST /v1/convai/agents/{agent_id}/branches/{source_branch_id}/merge
GET /v1/convai/agents/{agent_id}/branches/{source_branch_id}/merge-preview
POST /v1/convai/agents/{agent_id}/deployments
POST DELETE /v1/convai/agents/{agent_id}/drafts
POST /v1/convai/agents/{agent_id}/duplicate
POST DELETE /v1/convai/agents/{agent_id}/hold-audio
GET /v1/convai/agents/{agent_id}/link
POST /v1/convai/agents/{agent_id}/run-tests
POST /v1/convai/agents/{agent_id}/simulate-conversation
POST /v1/convai/agents/{agent_id}/simulate-conversation/stream
GET /v1/convai/agents/{agent_id}/topics
GET POST /v1/convai/agents/{agent_id}/triage-tickets
GET /v1/convai/agents/{agent_id}/triage-tickets/assignable-users
GET /v1/convai/agents/{agent_id}/versions/{version_id}
GET /v1/convai/agents/{agent_id}/widget
GET /v1/convai/analytics/live-count
POST /v1/convai/batch-calling/submit
GET /v1/convai/batch-calling/workspace
GET DELETE /v1/convai/batch-calling/{batch_id}
POST /v1/convai/batch-calling/{batch_id}/cancel
GET /v1/convai/batch-calling/{batch_id}/export
POST /v1/convai/batch-calling/{batch_id}/retry
GET /v1/convai/conversation/get-signed-url
GET /v1/convai/conversation/token
GET /v1/convai/conversations
GET /v1/convai/conversations/messages/smart-search
GET /v1/convai/conversations/messages/text-search
GET /v1/convai/conversations/resolve
GET DELETE /v1/convai/conversations/{conversation_id}
POST /v1/convai/conversations/{conversation_id}/analysis/evaluations/run
POST /v1/convai/conversations/{conversation_id}/analysis/run
GET /v1/convai/conversations/{conversation_id}/audio
POST /v1/convai/conversations/{conversation_id}/feedback
POST /v1/convai/conversations/{conversation_id}/files
DELETE /v1/convai/conversations/{conversation_id}/files/{file_id}
GET /v1/convai/conversations/{conversation_id}/sip-messages
GET /v1/convai/conversations/{conversation_id}/summary
POST /v1/convai/conversations/{conversation_id}/tags
DELETE /v1/convai/conversations/{conversation_id}/tags/{tag_id}
GET POST /v1/convai/environment-variables
GET PATCH /v1/convai/environment-variables/{env_var_id}
POST /v1/convai/exotel/outbound-call
GET POST /v1/convai/knowledge-base
POST /v1/convai/knowledge-base/bulk-delete
POST /v1/convai/knowledge-base/bulk-move
GET POST /v1/convai/knowledge-base/crawl
GET /v1/convai/knowledge-base/crawl/{crawl_job_id}
POST /v1/convai/knowledge-base/crawl/{crawl_job_id}/cancel
POST /v1/convai/knowledge-base/dependent-agents
POST /v1/convai/knowledge-base/file
POST /v1/convai/knowledge-base/folder
GET POST /v1/convai/knowledge-base/rag-index
GET /v1/convai/knowledge-base/search
GET /v1/convai/knowledge-base/summaries
POST /v1/convai/knowledge-base/text
POST /v1/convai/knowledge-base/url
POST /v1/convai/knowledge-base/{document_id}/move
GET PATCH DELETE /v1/convai/knowledge-base/{documentation_id}
GET /v1/convai/knowledge-base/{documentation_id}/chunk/{chunk_id}
GET /v1/convai/knowledge-base/{documentation_id}/chunks
GET /v1/convai/knowledge-base/{documentation_id}/content
GET /v1/convai/knowledge-base/{documentation_id}/dependent-agents
GET POST /v1/convai/knowledge-base/{documentation_id}/rag-index
DELETE /v1/convai/knowledge-base/{documentation_id}/rag-index/{rag_index_id}
POST /v1/convai/knowledge-base/{documentation_id}/refresh
GET /v1/convai/knowledge-base/{documentation_id}/source-file-url
PATCH /v1/convai/knowledge-base/{documentation_id}/update-file
POST /v1/convai/llm-usage/calculate
GET /v1/convai/llm/list
GET POST /v1/convai/mcp-servers
GET PATCH DELETE /v1/convai/mcp-servers/{mcp_server_id}
PATCH /v1/convai/mcp-servers/{mcp_server_id}/approval-policy
POST /v1/convai/mcp-servers/{mcp_server_id}/tool-approvals
DELETE /v1/convai/mcp-servers/{mcp_server_id}/tool-approvals/{tool_name}
POST /v1/convai/mcp-servers/{mcp_server_id}/tool-configs
GET PATCH DELETE /v1/convai/mcp-servers/{mcp_server_id}/tool-configs/{tool_name}
GET /v1/convai/mcp-servers/{mcp_server_id}/tools
GET POST /v1/convai/phone-numbers
GET PATCH DELETE /v1/convai/phone-numbers/{phone_number_id}
GET /v1/convai/phone-numbers/{phone_number_id}/sip-messages
GET POST /v1/convai/secrets
GET PATCH DELETE /v1/convai/secrets/{secret_id}
GET /v1/convai/secrets/{secret_id}/dependencies/{resource_type}
GET PATCH /v1/convai/settings
GET PATCH /v1/convai/settings/dashboard
POST /v1/convai/sip-trunk/outbound-call
GET POST /v1/convai/tags
GET PATCH DELETE /v1/convai/tags/{tag_id}
GET /v1/convai/test-invocations
GET /v1/convai/test-invocations/{test_invocation_id}
POST /v1/convai/test-invocations/{test_invocation_id}/resubmit
GET POST /v1/convai/tools
GET PATCH DELETE /v1/convai/tools/{tool_id}
GET /v1/convai/tools/{tool_id}/dependent-agents
GET /v1/convai/tools/{tool_id}/executions
GET POST /v1/convai/triage-tickets
GET PATCH DELETE /v1/convai/triage-tickets/{agentqa_ticket_id}
POST /v1/convai/triage-tickets/{agentqa_ticket_id}/comments
POST /v1/convai/triage-tickets/{agentqa_ticket_id}/turn-comments
POST /v1/convai/twilio/outbound-call
POST /v1/convai/twilio/register-call
GET /v1/convai/users
GET /v1/convai/whatsapp-accounts
GET PATCH DELETE /v1/convai/whatsapp-accounts/{phone_number_id}
POST /v1/convai/whatsapp/outbound-call
POST /v1/convai/whatsapp/outbound-message
GET POST /v1/dubbing
GET POST /v1/dubbing/project
GET DELETE /v1/dubbing/project/{project_id}
GET POST /v1/dubbing/project/{project_id}/language
GET DELETE /v1/dubbing/project/{project_id}/language/{language_id}
GET /v1/dubbing/project/{project_id}/language/{language_id}/transcript
POST /v1/dubbing/project/{project_id}/language/{language_id}/transcript/regenerate
PATCH /v1/dubbing/project/{project_id}/language/{language_id}/transcript/segment/{segment_id}
PATCH /v1/dubbing/project/{project_id}/language/{language_id}/transcript/segments
GET /v1/dubbing/project/{project_id}/transcript
POST /v1/dubbing/project/{project_id}/transcript/segment
PATCH DELETE /v1/dubbing/project/{project_id}/transcript/segment/{segment_id}
PATCH /v1/dubbing/project/{project_id}/transcript/segments
GET /v1/dubbing/resource/{dubbing_id}
POST /v1/dubbing/resource/{dubbing_id}/dub
POST /v1/dubbing/resource/{dubbing_id}/language
POST /v1/dubbing/resource/{dubbing_id}/migrate-segments
POST /v1/dubbing/resource/{dubbing_id}/render/{language}
DELETE /v1/dubbing/resource/{dubbing_id}/segment/{segment_id}
PATCH /v1/dubbing/resource/{dubbing_id}/segment/{segment_id}/{language}
POST /v1/dubbing/resource/{dubbing_id}/speaker
PATCH /v1/dubbing/resource/{dubbing_id}/speaker/{speaker_id}
POST /v1/dubbing/resource/{dubbing_id}/speaker/{speaker_id}/segment
GET /v1/dubbing/resource/{dubbing_id}/speaker/{speaker_id}/similar-voices
POST /v1/dubbing/resource/{dubbing_id}/transcribe
POST /v1/dubbing/resource/{dubbing_id}/translate
GET DELETE /v1/dubbing/{dubbing_id}
GET /v1/dubbing/{dubbing_id}/audio/{language_code}
GET /v1/dubbing/{dubbing_id}/transcript/{language_code}
GET /v1/dubbing/{dubbing_id}/transcripts/{language_code}/format/{format_type}
GET POST /v1/flows/image
GET /v1/flows/image/{generation_id}
GET POST /v1/flows/text-to-speech
GET /v1/flows/text-to-speech/{generation_id}
GET POST /v1/flows/video
GET /v1/flows/video/{generation_id}
POST /v1/forced-alignment
GET /v1/history
POST /v1/history/download
GET DELETE /v1/history/{history_item_id}
GET /v1/history/{history_item_id}/audio
GET /v1/models
POST /v1/music
POST /v1/music/detailed
POST /v1/music/detailed/stream
GET POST /v1/music/finetunes
GET PATCH DELETE /v1/music/finetunes/{finetune_id}
POST /v1/music/plan
POST /v1/music/stem-separation
POST /v1/music/stream
POST /v1/music/upload
POST /v1/music/video-to-music
GET POST /v1/productions/orders
GET /v1/productions/orders/languages/{order_item_kind}
GET PATCH /v1/productions/orders/{order_id}
GET /v1/productions/orders/{order_id}/deliverables
POST /v1/productions/orders/{order_id}/items
DELETE /v1/productions/orders/{order_id}/items/{item_id}
POST /v1/productions/orders/{order_id}/media
GET /v1/productions/orders/{order_id}/media/{media_id}
POST /v1/productions/orders/{order_id}/submit
GET /v1/pronunciation-dictionaries
POST /v1/pronunciation-dictionaries/add-from-file
POST /v1/pronunciation-dictionaries/add-from-rules
GET /v1/pronunciation-dictionaries/{dictionary_id}/{version_id}/download
GET PATCH /v1/pronunciation-dictionaries/{pronunciation_dictionary_id}
POST /v1/pronunciation-dictionaries/{pronunciation_dictionary_id}/add-rules
POST /v1/pronunciation-dictionaries/{pronunciation_dictionary_id}/remove-rules
POST /v1/pronunciation-dictionaries/{pronunciation_dictionary_id}/set-rules
GET POST /v1/service-accounts
GET POST /v1/service-accounts/{service_account_user_id}/api-keys
PATCH DELETE /v1/service-accounts/{service_account_user_id}/api-keys/{api_key_id}
GET /v1/shared-voices
POST /v1/similar-voices
POST /v1/single-use-token/{token_type}
POST /v1/sound-generation
GET POST /v1/speech-engine
GET PATCH DELETE /v1/speech-engine/{speech_engine_id}
POST /v1/speech-to-speech/{voice_id}
POST /v1/speech-to-speech/{voice_id}/stream
POST /v1/speech-to-text
GET DELETE /v1/speech-to-text/transcripts/{transcription_id}
POST /v1/studio/podcasts
GET POST /v1/studio/projects
GET POST DELETE /v1/studio/projects/{project_id}
GET POST /v1/studio/projects/{project_id}/chapters
GET POST DELETE /v1/studio/projects/{project_id}/chapters/{chapter_id}
POST /v1/studio/projects/{project_id}/chapters/{chapter_id}/convert
GET /v1/studio/projects/{project_id}/chapters/{chapter_id}/snapshots
GET /v1/studio/projects/{project_id}/chapters/{chapter_id}/snapshots/{chapter_snapshot_id}
POST /v1/studio/projects/{project_id}/chapters/{chapter_id}/snapshots/{chapter_snapshot_id}/stream
POST /v1/studio/projects/{project_id}/content
POST /v1/studio/projects/{project_id}/convert
GET /v1/studio/projects/{project_id}/muted-tracks
POST /v1/studio/projects/{project_id}/pronunciation-dictionaries
GET /v1/studio/projects/{project_id}/snapshots
GET /v1/studio/projects/{project_id}/snapshots/{project_snapshot_id}
POST /v1/studio/projects/{project_id}/snapshots/{project_snapshot_id}/archive
POST /v1/studio/projects/{project_id}/snapshots/{project_snapshot_id}/stream
POST /v1/text-to-dialogue
POST /v1/text-to-dialogue/stream
POST /v1/text-to-dialogue/stream/with-timestamps
POST /v1/text-to-dialogue/with-timestamps
POST /v1/text-to-speech/{voice_id}
POST /v1/text-to-speech/{voice_id}/stream
POST /v1/text-to-speech/{voice_id}/stream/with-timestamps
POST /v1/text-to-speech/{voice_id}/with-timestamps
POST /v1/text-to-voice
POST /v1/text-to-voice/create-previews
POST /v1/text-to-voice/design
GET /v1/text-to-voice/{generated_voice_id}/stream
POST /v1/text-to-voice/{voice_id}/remix
GET /v1/usage/character-stats
GET /v1/user
GET /v1/user/subscription
GET /v1/voices
GET /v1/voices/accents
POST /v1/voices/add
POST /v1/voices/add/{public_user_id}/{voice_id}
POST /v1/voices/pvc
POST /v1/voices/pvc/{voice_id}
GET POST /v1/voices/pvc/{voice_id}/captcha
POST /v1/voices/pvc/{voice_id}/samples
POST DELETE /v1/voices/pvc/{voice_id}/samples/{sample_id}
GET /v1/voices/pvc/{voice_id}/samples/{sample_id}/audio
POST /v1/voices/pvc/{voice_id}/samples/{sample_id}/separate-speakers
GET /v1/voices/pvc/{voice_id}/samples/{sample_id}/speakers
GET /v1/voices/pvc/{voice_id}/samples/{sample_id}/speakers/{speaker_id}/audio
GET /v1/voices/pvc/{voice_id}/samples/{sample_id}/waveform
POST /v1/voices/pvc/{voice_id}/train
POST /v1/voices/pvc/{voice_id}/verification
GET /v1/voices/settings/default
GET DELETE /v1/voices/{voice_id}
POST /v1/voices/{voice_id}/edit
POST /v1/voices/{voice_id}/replicate-to-isolated-environment
DELETE /v1/voices/{voice_id}/samples/{sample_id}
GET /v1/voices/{voice_id}/samples/{sample_id}/audio
GET /v1/voices/{voice_id}/settings
POST /v1/voices/{voice_id}/settings/edit
POST /v1/workspace/analytics/query/usage-by-product-over-time
POST /v1/workspace/analytics/requests
GET /v1/workspace/audit-logs
GET POST /v1/workspace/auth-connections
PATCH DELETE /v1/workspace/auth-connections/{auth_connection_id}
GET /v1/workspace/groups
GET /v1/workspace/groups/search
POST /v1/workspace/groups/{group_id}/members
POST /v1/workspace/groups/{group_id}/members/remove
DELETE /v1/workspace/invites
POST /v1/workspace/invites/add
POST /v1/workspace/invites/add-bulk
GET POST /v1/workspace/members
GET /v1/workspace/resources/{resource_id}
POST /v1/workspace/resources/{resource_id}/share
POST /v1/workspace/resources/{resource_id}/unshare
GET POST /v1/workspace/webhooks
PATCH DELETE /v1/workspace/webhooks/{webhook_id}
POST /v1/workspaces/api-keys/disable
POST /v1/workspaces/api-keys/third-party-disabling
GET /v2/voices
"""
